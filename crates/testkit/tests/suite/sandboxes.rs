//! Packages built on the spot are installed, upgraded and copied along by real apt.

use std::fs;
use std::os::unix::fs::MetadataExt;

use belay_testkit::deb::native_architecture;
use belay_testkit::{Deb, Sandbox, Script, Snapshot, assert_same};

#[test]
fn a_built_package_installs_and_upgrades() {
    let sandbox = Sandbox::new();
    let demo = |version: &str| {
        Deb::new("demo-app", version)
            .depends("demo-lib (>= 1.0)")
            .file("/usr/bin/demo-app", format!("#!/bin/sh\necho {version}\n"))
            .symlink("/usr/bin/demo", "demo-app")
            .conffile("/etc/demo-app.conf", "colour = blue\n")
            .script(Script::Postinst, &format!("echo {version} > \"$DPKG_ROOT/var/configured\""))
            .size(10_000)
    };
    let lib = Deb::new("demo-lib", "1:1.0").architecture(&native_architecture()).multi_arch("same");
    sandbox.repository().publish(&[demo("1.0"), demo("2.0"), lib]);

    sandbox.install(&["demo-app=1.0"]);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    assert_eq!(sandbox.installed_version("demo-lib").as_deref(), Some("1:1.0"));

    sandbox.install(&["demo-app=2.0"]);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    assert_eq!(fs::read_to_string(sandbox.path("var/configured")).expect("postinst ran"), "2.0\n");
    assert_eq!(fs::read_link(sandbox.path("usr/bin/demo")).expect("a link").to_str(), Some("demo-app"));
}

#[test]
fn nothing_of_a_sandbox_runs_or_belongs_to_root() {
    let sandbox = Sandbox::new();
    let postinst = "(id -u; id -G) > \"$DPKG_ROOT/var/user\"";
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").script(Script::Postinst, postinst)]);
    sandbox.install(&["demo-app"]);

    let user = fs::read_to_string(sandbox.path("var/user")).expect("postinst ran");
    assert!(user.split_whitespace().all(|id| id != "0"), "{user}");
    for path in [sandbox.root(), sandbox.path("etc/apt/sources.list"), sandbox.state_dir(), sandbox.run_dir()] {
        assert_ne!(fs::metadata(&path).expect("it exists").uid(), 0, "{}", path.display());
    }
}

#[test]
fn a_copy_equals_its_template_and_lives_on_its_own() {
    let template = Sandbox::new();
    template.repository().publish(&[
        Deb::new("demo-app", "1.0").conffile("/etc/demo-app.conf", "blue\n"),
        Deb::new("demo-app", "2.0").conffile("/etc/demo-app.conf", "green\n"),
    ]);
    template.install(&["demo-app=1.0"]);
    let before = Snapshot::of(&template);

    let copy = Sandbox::copy_of(&template);
    assert_same(&before, &Snapshot::of(&copy));
    copy.install(&["demo-app=2.0"]);

    assert_eq!(copy.installed_version("demo-app").as_deref(), Some("2.0"));
    assert_same(&before, &Snapshot::of(&template));
    drop(template);
    copy.install(&["demo-app=1.0"]);
    assert_same(&before, &Snapshot::of(&copy));
}

#[test]
fn a_dropped_sandbox_leaves_no_files() {
    let sandbox = Sandbox::new();
    let dir = sandbox.dir().to_owned();
    assert!(dir.is_dir());
    drop(sandbox);
    assert!(!dir.exists());
}

#[test]
fn an_empty_sandbox_has_no_packages() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.dpkg_query("${Package}\\n"), "");
    sandbox.update();
    assert_eq!(sandbox.installed_version("demo-app"), None);
}
