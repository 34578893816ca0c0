//! What the sources and the neighbours do: forged archives, a repository that goes half-way, apt's lock held.

use std::fs;
use std::process::Stdio;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::{Sandbox, Script, Snapshot, assert_same};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::support::*;

#[test]
fn an_archive_with_one_byte_flipped_is_refused_by_name_and_never_installed() {
    refused_by_digest(|sandbox| sandbox.repository().corrupt("demo-app", "2.0"));
}

#[test]
fn a_forged_archive_of_the_right_name_is_refused_by_name_and_never_installed() {
    refused_by_digest(|sandbox| {
        let forged = demo("2.0").uncompressed().script(Script::Preinst, "touch \"$DPKG_ROOT/etc/forged\"");
        sandbox.repository().substitute(&forged);
    });
}

#[test]
fn a_repository_that_goes_half_way_leaves_the_device_as_it_was() {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib"), package("demo-lib", "1.0")];
    for distant in [false, true] {
        let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
        if distant {
            let line = sandbox.repository().distant_source_line();
            belay_testkit::ownership::write(&sandbox.path("etc/apt/sources.list"), line + "\n");
        }
        let before = Snapshot::of(&sandbox);
        let agent = launch(&sandbox).start();
        fs::remove_file(sandbox.repository().deb("demo-lib", "1.0")).expect("it was published");
        let job = update(&agent, &["demo-app"]);
        assert_end(&job, JobState::Refused, Some(Reason::SourcesUnavailable));
        assert_says(&job.message, &["demo-lib_1.0"]);
        assert_same(&before, &Snapshot::of(&sandbox));
        assert_eq!(status(&agent).generation, Generation(0));
        sandbox.repository().publish(&[package("demo-lib", "1.0")]);
        assert_committed(&update(&agent, &["demo-app"]));
    }
}

#[test]
fn a_lock_that_another_package_manager_holds_is_waited_for_and_its_holder_named() {
    let tool = package("demo-tool", "1.0").script(Script::Postinst, &stop_at("apt"));
    let sandbox = sandbox_with(&[demo("1.0"), demo("2.0"), tool], &["demo-app=1.0"]);
    sandbox.update();
    let mut apt = sandbox
        .command("apt-get")
        .args(["-y", "-q", "-o", "Dpkg::Use-Pty=0", "install", "demo-tool"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("apt-get starts");
    wait_reached(&sandbox, "apt");
    let held = Snapshot::of(&sandbox);

    let impatient = launch(&sandbox).toml("[packages]\nlock_timeout_s = 0.3").start();
    let job = update(&impatient, &["demo-app=2.0"]);
    assert_end(&job, JobState::Refused, Some(Reason::LockTimeout));
    assert_says(&job.message, &[&format!("process {} (apt-get)", apt.id())]);
    assert_same(&held, &Snapshot::of(&sandbox));
    drop(impatient);

    let patient = launch(&sandbox).toml("[packages]\nlock_timeout_s = 60").start();
    let id = begin_update(&patient, &["demo-app=2.0"]);
    release(&sandbox, "apt");
    assert!(apt.wait().expect("apt-get ends").success());
    assert_committed(&wait_end(&patient, id));
    assert_eq!(sandbox.installed_version("demo-tool").as_deref(), Some("1.0"));
    assert_gone_back(&rollback(&patient));
    assert_eq!(sandbox.installed_version("demo-tool").as_deref(), Some("1.0"), "it was not ours to undo");
}

#[test]
fn a_lock_that_is_taken_between_planning_and_applying_leaves_the_device_as_it_was() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let path = sandbox.path("var/lib/dpkg/lock-frontend");
    let file = fs::File::options().write(true).open(path).expect("apt made the lock's file");
    let exclusive = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLK(&exclusive)).expect("nobody else holds it");
    let agent = launch(&sandbox).toml("[packages]\nlock_timeout_s = 1").start();
    let job = update(&agent, &["demo-app=2.0"]);
    assert_end(&job, JobState::Refused, Some(Reason::LockTimeout));
    assert_says(&job.message, &[&format!("process {}", std::process::id())]);
    assert_same(&before, &Snapshot::of(&sandbox));
    drop(file);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
}

fn refused_by_digest(forge: impl Fn(&Sandbox)) {
    let sandbox = sandbox_with(&[demo("1.0"), demo("2.0").uncompressed()], &["demo-app=1.0"]);
    forge(&sandbox);
    for distant in [false, true] {
        if distant {
            let line = sandbox.repository().distant_source_line();
            belay_testkit::ownership::write(&sandbox.path("etc/apt/sources.list"), line + "\n");
        }
        let before = Snapshot::of(&sandbox);
        let agent = launch(&sandbox).start();
        let job = update(&agent, &["demo-app=2.0"]);
        assert_end(&job, JobState::Refused, Some(Reason::DigestMismatch));
        assert_says(&job.message, &["demo-app"]);
        assert_same(&before, &Snapshot::of(&sandbox));
    }
}
