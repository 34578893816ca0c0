//! A full disk: told before anything is touched, undone where it came in the middle, and never in the way of going back.

use std::fs::OpenOptions;
use std::io::Write;

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::{Deb, Script};

use super::*;

/// Takes every byte that is free.
const FILL: &str = "cat /dev/zero >/var/ballast 2>/dev/null || true";

/// demo-app with so many megabytes that nothing can compress.
fn app(version: &str, megabytes: u64) -> Deb {
    demo(version).size(megabytes << 20)
}

/// Makes dpkg's status as long as that of a device with many packages: dpkg writes it anew beside the old one.
fn lengthen_dpkgs_status() {
    let long = "words ".repeat(500);
    let gone = |number| {
        format!(
            "Package: demo-gone-{number}\nStatus: deinstall ok config-files\nMaintainer: Belay <belay@example.invalid>\n\
             Architecture: all\nVersion: 1.0\nDescription: {long}\n\n"
        )
    };
    let text: String = (0..2000).map(gone).collect();
    let mut status =
        OpenOptions::new().append(true).open("/var/lib/dpkg/status").expect("root can write to its own copy");
    status.write_all(text.as_bytes()).expect("there is space");
}

fn free_bytes() -> u64 {
    let figures = nix::sys::statvfs::statvfs("/").expect("the root has a size");
    figures.blocks_available() * figures.fragment_size()
}

#[test]
fn an_update_that_does_not_fit_is_refused_before_anything_is_touched() {
    as_root_on(192, "disk::an_update_that_does_not_fit_is_refused_before_anything_is_touched", |device| {
        device.offer(&[app("1.0", 1), app("2.0", 24)], &["demo-app=1.0"]);
        let before = census();
        let halves = Halves::start(device);
        let job = update(device, &halves, &["demo-app=2.0"]);
        assert_end(&job, JobState::Refused, Some(Reason::NoSpace));
        assert_says(&job.message, &["MB", "in reserve"]);
        before.assert_same(&census());
    });
}

#[test]
fn a_disk_that_fills_up_while_unpacking_is_undone_in_the_space_kept_for_it() {
    as_root_on(256, "disk::a_disk_that_fills_up_while_unpacking_is_undone_in_the_space_kept_for_it", |device| {
        let new = app("2.0", 3).script(Script::Preinst, FILL);
        device.offer(&[app("1.0", 2), new], &["demo-app=1.0"]);
        device.configure("[guard]\nreserve_mb = 1");
        let before = census();
        let halves = Halves::start(device);
        let job = update(device, &halves, &["demo-app=2.0"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        assert_says(&job.message, &["No space left on device"]);
        before.assert_same(&census());
    });
}

#[test]
fn a_long_dpkg_status_finds_its_space_on_a_full_disk_too() {
    as_root_on(256, "disk::a_long_dpkg_status_finds_its_space_on_a_full_disk_too", |device| {
        lengthen_dpkgs_status();
        device.offer(&[demo("1.0"), demo("2.0").script(Script::Preinst, FILL)], &["demo-app=1.0"]);
        device.configure("[guard]\nreserve_mb = 1");
        let before = census();
        let halves = Halves::start(device);
        let job = update(device, &halves, &["demo-app=2.0"]);
        assert_end(&job, JobState::RolledBack, Some(Reason::ApplyFailed));
        before.assert_same(&census());
    });
}

#[test]
fn with_no_byte_free_both_halves_remember_and_touch_nothing() {
    as_root_on(256, "disk::with_no_byte_free_both_halves_remember_and_touch_nothing", |device| {
        device.offer(&[app("1.0", 2), app("2.0", 3), app("3.0", 3)], &["demo-app=1.0"]);
        device.configure("[guard]\nreserve_mb = 1");
        let before = census();
        let halves = Halves::start(device);
        assert_committed(&update(device, &halves, &["demo-app=2.0"]));
        let _ = belay_testkit::command::output(belay_testkit::root_tier::root("sh").args(["-c", FILL]));
        assert_eq!(free_bytes(), 0);
        let refused = update(device, &halves, &["demo-app=3.0"]);
        assert_end(&refused, JobState::Refused, Some(Reason::NoSpace));
        drop(halves);
        let halves = Halves::start(device);
        assert_end(&last(device), JobState::Refused, Some(Reason::NoSpace));
        let full = census();
        let refused = rollback(device, &halves);
        assert_end(&refused, JobState::Refused, Some(Reason::NoSpace));
        assert_says(&refused.message, &["0 MB free", "going back needs"]);
        full.assert_same(&census());
        std::fs::remove_file("/var/ballast").expect("root can make space");
        assert_gone_back(&rollback(device, &halves));
        before.assert_same(&census());
    });
}
