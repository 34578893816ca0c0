//! States measured on folders made up for it.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

const STATUS: &str =
    "Package: one\nStatus: install ok installed\nVersion: 1.0\n\nPackage: two\nStatus: install ok installed\n";

fn device() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["etc", "usr/bin", "var/lib/dpkg/info", "var/lib/belay", "var/log", "run"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    put(root.path(), "etc/one.conf", "one");
    put(root.path(), "usr/bin/one", "program");
    put(root.path(), "var/lib/dpkg/status", STATUS);
    put(root.path(), "var/lib/belay/rollbackFile", "one=1.0\n");
    symlink("one", root.path().join("usr/bin/link")).unwrap();
    root
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
fn put(root: &Path, path: &str, text: &str) {
    fs::write(root.join(path), text).unwrap();
}

fn state(root: &Path) -> State {
    State::of(root, &Known::default()).unwrap()
}

/// What is told after this was done to the device.
fn told(change: impl FnOnce(&Path)) -> Vec<String> {
    let device = device();
    let before = state(device.path());
    change(device.path());
    before.differences(&state(device.path()))
}

#[test]
fn every_kind_of_change_is_told() {
    let one = |change: fn(&Path), subject: &str| {
        let told = told(change);
        assert!(told.len() == 1 && told[0].starts_with(subject), "{subject}: {told:?}");
    };
    one(|root| put(root, "etc/one.conf", "two"), "/etc/one.conf was");
    one(|root| put(root, "etc/two.conf", "two"), "/etc/two.conf is new");
    one(|root| fs::remove_file(root.join("usr/bin/one")).unwrap(), "/usr/bin/one is gone");
    one(
        |root| fs::set_permissions(root.join("usr/bin/one"), fs::Permissions::from_mode(0o600)).unwrap(),
        "/usr/bin/one",
    );
    one(|root| fs::create_dir(root.join("opt")).unwrap(), "/opt is new");
    one(
        |root| {
            fs::remove_file(root.join("usr/bin/link")).unwrap();
            symlink("two", root.join("usr/bin/link")).unwrap();
        },
        "/usr/bin/link was",
    );
    one(|root| put(root, "var/lib/belay/rollbackFile", "one=2.0\n"), "rollbackFile was");
    one(|root| put(root, "var/lib/dpkg/status", &STATUS.replace("1.0", "2.0")), "dpkg's one was");
}

#[test]
fn what_a_running_system_writes_anyway_is_not_told() {
    let order =
        "Package: two\nStatus: install ok installed\n\nPackage: one\nStatus: install ok installed\nVersion: 1.0\n";
    assert_eq!(told(|root| put(root, "var/lib/dpkg/status", order)), [""; 0], "the order of dpkg's paragraphs");
    assert_eq!(told(|root| put(root, "var/log/syslog", "a line")), [""; 0]);
    assert_eq!(told(|root| put(root, "run/pid", "1")), [""; 0]);
}

#[test]
fn a_known_file_is_recognised_only_while_its_inode_was_not_touched() {
    let device = device();
    let known = Known::of(device.path()).unwrap();
    assert_eq!(State::of(device.path(), &known).unwrap(), state(device.path()));
    // The same length: only the times tell.
    put(device.path(), "etc/one.conf", "two");
    let changed = state(device.path());
    assert_eq!(State::of(device.path(), &known).unwrap(), changed);
}
