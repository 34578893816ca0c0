//! A snapshot sees every kind of difference, and says which.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use belay_testkit::ownership::write;
use belay_testkit::{Deb, Sandbox, Snapshot, assert_same};

#[test]
fn an_upgrade_and_its_way_back_are_told_apart_from_no_change() {
    let sandbox = demo();
    let old = Snapshot::of(&sandbox);
    assert_same(&old, &Snapshot::of(&sandbox));

    sandbox.install(&["demo-app=2.0"]);
    let differences = old.diff(&Snapshot::of(&sandbox)).join("\n");
    assert!(differences.contains("package demo-app:all was 1.0 (install ok installed), is 2.0"), "{differences}");
    assert!(differences.contains("conffile /etc/demo-app.conf of demo-app:all was shipped as"), "{differences}");
    assert!(differences.contains("/usr/share/demo-app/version was a file"), "{differences}");

    sandbox.install(&["demo-app=1.0"]);
    assert_same(&old, &Snapshot::of(&sandbox));
}

#[test]
fn an_edited_conffile_is_seen() {
    expect_difference("/etc/demo-app.conf was a file of mode 644", |sandbox| {
        write(&sandbox.path("etc/demo-app.conf"), "edited\n");
    });
}

#[test]
fn a_mode_is_seen() {
    expect_difference("is a file of mode 600", |sandbox| {
        let path = sandbox.path("etc/demo-app.conf");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    });
}

#[test]
fn a_link_is_seen() {
    expect_difference("/etc/demo-link is new: a link to nowhere", |sandbox| {
        symlink("nowhere", sandbox.path("etc/demo-link")).expect("a link can be made");
    });
}

#[test]
fn a_mark_is_seen() {
    expect_difference("is new: automatically installed", |sandbox| {
        let output = sandbox.command("apt-mark").args(["auto", "demo-app"]).output().expect("apt-mark starts");
        assert!(output.status.success(), "{output:?}");
    });
}

#[test]
fn a_hold_is_seen() {
    expect_difference("is 1.0 (hold ok installed)", |sandbox| {
        let output = sandbox.command("apt-mark").args(["hold", "demo-app"]).output().expect("apt-mark starts");
        assert!(output.status.success(), "{output:?}");
    });
}

#[test]
fn a_purged_package_is_seen() {
    expect_difference("package demo-app:all is gone, was 1.0", |sandbox| {
        let output = sandbox.apt(&["purge", "demo-app"]);
        assert!(output.status.success(), "{output:?}");
    });
}

#[test]
fn a_leftover_of_dpkg_is_seen() {
    expect_difference("leftover /var/lib/demo.dpkg-new is new: there", |sandbox| {
        write(&sandbox.path("var/lib/demo.dpkg-new"), "half\n");
    });
}

#[test]
fn a_diversion_is_seen() {
    expect_difference("dpkg's diversions", |sandbox| {
        write(&sandbox.path("var/lib/dpkg/diversions"), "/usr/a\n/usr/a.distrib\n:\n");
    });
}

fn expect_difference(sentence: &str, change: impl FnOnce(&Sandbox)) {
    let sandbox = demo();
    let old = Snapshot::of(&sandbox);
    change(&sandbox);
    let differences = old.diff(&Snapshot::of(&sandbox));
    assert!(differences.iter().any(|difference| difference.contains(sentence)), "{differences:#?}");
}

/// Makes a sandbox with version 1.0 of a package whose version 2.0 is at hand.
fn demo() -> Sandbox {
    let sandbox = Sandbox::new();
    let demo = |version: &str| {
        Deb::new("demo-app", version)
            .file("/usr/share/demo-app/version", version)
            .conffile("/etc/demo-app.conf", format!("version = {version}\n"))
    };
    sandbox.repository().publish(&[demo("1.0"), demo("2.0")]);
    sandbox.install(&["demo-app=1.0"]);
    sandbox
}
