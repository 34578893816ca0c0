//! Owners, modes and set-user-id bits come back with the versions; users and groups are told and left.

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::root_tier::{Census, RootDevice};
use belay_testkit::{Deb, Script};

use super::*;

/// Groups that every Debian has, by number.
const MAIL: u32 = 8;
const SHADOW: u32 = 42;

/// A package whose files belong to different users, with a set-user-id program and a conffile that not all may read.
fn app(version: &str) -> Deb {
    let old = version == "1.0";
    let (setuid, group) = if old { (0o4755, MAIL) } else { (0o755, SHADOW) };
    Deb::new("demo-app", version)
        .file("/usr/bin/demo-app", format!("#!/bin/sh\necho {version}\n"))
        .file("/usr/share/demo-app/version", version)
        .file("/usr/share/demo-app/spool", version)
        .conffile("/etc/demo-app/demo.conf", format!("version = {version}\n"))
        .conffile("/etc/demo-app/secret", "the same in all versions\n")
        .attributes("/usr/bin/demo-app", setuid, (0, 0))
        .attributes("/usr/share/demo-app/spool", 0o2660, (0, group))
        .attributes("/etc/demo-app/secret", 0o640, (0, SHADOW))
}

fn library(version: &str) -> Deb {
    Deb::new("demo-lib", version).file("/usr/lib/demo-lib/code", version).attributes(
        "/usr/lib/demo-lib/code",
        if version == "1.0" { 0o6711 } else { 0o644 },
        (MAIL, MAIL),
    )
}

/// Makes a user, gives a conffile to it, and says that it ran as root at the device's own root.
const ADDS_A_USER: &str = "test \"$1\" = configure || exit 0\n\
    getent passwd demo-svc >/dev/null || useradd --system --no-create-home demo-svc\n\
    chown demo-svc:demo-svc /etc/demo-app/secret\nchmod 0600 /etc/demo-app/secret\n\
    mkdir -p /var/lib/demo-app\necho \"$(id -u) ${DPKG_ROOT:-/}\" >/var/lib/demo-app/ran";

fn census() -> Census {
    Census::take(&["demo-app", "demo-lib", "demo-extra"])
}

fn offer(device: &RootDevice, new: Deb) {
    let extra = Deb::new("demo-extra", "1.0").conffile("/etc/demo-extra.conf", "extra\n");
    device.offer(
        &[app("1.0"), library("1.0"), new.depends("demo-lib (>= 2.0), demo-extra"), library("2.0"), extra],
        &["demo-app=1.0", "demo-lib=1.0"],
    );
}

#[test]
fn an_update_and_its_undo_keep_owners_modes_and_setuid_bits() {
    as_root("undo::an_update_and_its_undo_keep_owners_modes_and_setuid_bits", |device| {
        offer(device, app("2.0").script(Script::Postinst, ADDS_A_USER));
        let before = census();
        assert_says(before.fact("/usr/bin/demo-app").expect("it is installed"), &["0:0, 4755"]);
        assert_says(before.fact("/usr/lib/demo-lib/code").expect("it is installed"), &["8:8, 6711"]);
        let halves = Halves::start(device);
        assert_committed(&update(device, &halves, &["demo-app=2.0"]));
        let new = census();
        assert_eq!(device.installed_version("demo-lib").as_deref(), Some("2.0"));
        assert_says(new.fact("/usr/bin/demo-app").expect("it is installed"), &["0:0, 755"]);
        assert_says(new.fact("/usr/share/demo-app/spool").expect("it is installed"), &["0:42, 2660"]);
        let ran = std::fs::read_to_string("/var/lib/demo-app/ran").expect("the script wrote it");
        assert_eq!(ran, "0 /\n", "a maintainer script runs as root, at the root");

        let job = rollback(device, &halves);
        assert_gone_back(&job);
        before.assert_same(&census());
        assert_says(&job.message, &["/etc/passwd", "/etc/group", "users or groups", "left as it is"]);
        let users = std::fs::read_to_string("/etc/passwd").expect("root can read it");
        assert!(users.contains("demo-svc"), "a user that was made may own files by now, so it stays");
    });
}

#[test]
fn a_failing_script_is_undone_with_owners_and_modes() {
    as_root("undo::a_failing_script_is_undone_with_owners_and_modes", |device| {
        let fails = format!("{ADDS_A_USER}\nchmod 0777 /etc/demo-app/demo.conf\nexit 3");
        offer(device, app("2.0").script(Script::Postinst, &fails));
        let before = census();
        let halves = Halves::start(device);
        let job = update(device, &halves, &["demo-app=2.0"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        assert!(std::path::Path::new("/var/lib/demo-app/ran").exists(), "the script was reached");
        before.assert_same(&census());
    });
}

#[test]
fn a_failed_health_check_is_undone_with_owners_and_modes() {
    as_root("undo::a_failed_health_check_is_undone_with_owners_and_modes", |device| {
        offer(device, app("2.0").script(Script::Postinst, ADDS_A_USER));
        // Healthy for as long as the program is what it was: a setuid one.
        device.configure(&check(&["/usr/bin/test", "-u", "/usr/bin/demo-app"]));
        let before = census();
        let halves = Halves::start(device);
        let job = update(device, &halves, &["demo-app=2.0"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::Unhealthy));
        before.assert_same(&census());
    });
}
