//! What dpkg-repack does on a sandbox: the facts its documentation in the kit states.

use std::fs;
use std::path::{Path, PathBuf};

use belay_testkit::command::{command, succeed, transcript};
use belay_testkit::ownership::{create_dir, write};
use belay_testkit::tools::{dpkg_repack, reachable_copy};
use belay_testkit::{Deb, Sandbox};

#[test]
fn dpkg_repack_packs_an_edited_conffile_as_edited() {
    let Some(tool) = dpkg_repack() else { return };
    let sandbox = installed();
    write(&sandbox.path("etc/demo-app.conf"), "edited\n");

    let deb = repack(&sandbox, &tool).expect("dpkg-repack left a file");

    let contents = sandbox.dir().join("contents");
    succeed(command("dpkg-deb").arg("-R").arg(&deb).arg(&contents));
    assert_eq!(fs::read_to_string(contents.join("etc/demo-app.conf")).expect("packed"), "edited\n");
    assert_eq!(fs::read_to_string(contents.join("DEBIAN/conffiles")).expect("packed"), "/etc/demo-app.conf\n");
    let packed = fs::read(&deb).expect("a file");
    assert!(packed.windows(11).any(|window| window == b"data.tar.gz"), "another compression was chosen");
    assert!(succeed(command("dpkg-deb").arg("-c").arg(&deb)).contains("root/root"));
}

#[test]
fn dpkg_repack_fails_silently_on_a_deleted_conffile() {
    let Some(tool) = dpkg_repack() else { return };
    let sandbox = installed();
    fs::remove_file(sandbox.path("etc/demo-app.conf")).expect("it was installed");
    assert_eq!(repack(&sandbox, &tool), None);
}

#[test]
fn a_program_out_of_reach_is_copied_once() {
    let dir = tempfile::tempdir().expect("a folder that only its owner may enter");
    let program = dir.path().join("demo");
    fs::copy("/bin/true", &program).expect("a program");

    let copy = reachable_copy(&program);

    assert_eq!(reachable_copy(&program), copy);
    succeed(&mut command(&copy));
    if copy != program {
        fs::remove_dir_all(copy.ancestors().nth(2).expect("a place of its own")).expect("it can be removed");
    }
}

fn installed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[Deb::new("demo-app", "1:1.0").conffile("/etc/demo-app.conf", "shipped\n")]);
    sandbox.install(&["demo-app"]);
    sandbox
}

/// Runs the invocation that the kit's documentation names, and returns the file it leaves.
fn repack(sandbox: &Sandbox, tool: &Path) -> Option<PathBuf> {
    let folder = sandbox.dir().join("repacked");
    create_dir(&folder);
    let output = command(tool.join("dpkg-repack"))
        .current_dir(&folder)
        .args(["-d-Zgzip", "-d-z1", "-d--root-owner-group"])
        .arg(format!("--root={}", sandbox.root().display()))
        .arg("demo-app")
        .output()
        .expect("dpkg-repack starts");
    assert!(output.status.success(), "{}", transcript(&output));
    Some(folder.join("demo-app_1.0_all.deb")).filter(|path| path.is_file())
}
