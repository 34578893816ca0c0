//! The host is killed while dpkg works: the next start takes the device back before anybody asks.

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::command::transcript;
use belay_testkit::root_tier::Ask;
use belay_testkit::{Deb, Script};

use super::*;

const REACHED: &str = "/run/belay-tests/postinst.reached";

/// A device on which an update to demo-app 2.0 hangs in its postinst; root's setuid program comes with it.
fn offer(device: &RootDevice) {
    let hangs = format!("test \"$1\" = configure || exit 0\ntouch {REACHED}\nsleep 600");
    let app = |version: &str, mode| {
        let app: Deb = demo(version).file("/usr/bin/demo-app", version);
        app.attributes("/usr/bin/demo-app", mode, (0, 0))
    };
    device.offer(&[app("1.0", 0o4755), app("2.0", 0o755).script(Script::Postinst, &hangs)], &["demo-app=1.0"]);
}

/// Begins the update and kills host, apt and dpkg at one instant, in the middle of the postinst.
#[track_caller]
fn kill_host_in_postinst(device: &RootDevice, halves: &mut Halves) {
    begin(device, &["demo-app=2.0"]);
    wait_until("the postinst", PATIENCE, || Path::new(REACHED).exists().then_some(()));
    halves.host.kill_tree();
    assert_eq!(device.installed_version("demo-app"), None, "the update was cut in the middle");
}

#[test]
fn a_killed_host_takes_the_device_back_before_the_daemon_asks() {
    as_root("crash::a_killed_host_takes_the_device_back_before_the_daemon_asks", |device| {
        offer(device);
        let before = census();
        let mut halves = Halves::start(device);
        kill_host_in_postinst(device, &mut halves);
        halves.daemon.kill();
        let host = device.start_host();
        before.assert_same(&census());
        let halves = Halves { host, daemon: device.start_daemon() };
        let job = last(device);
        assert_end(&job, JobState::RolledBack, Some(Reason::Interrupted));
        drop(halves);
    });
}

#[test]
fn a_daemon_that_lives_on_hears_of_the_recovery() {
    as_root("crash::a_daemon_that_lives_on_hears_of_the_recovery", |device| {
        offer(device);
        let before = census();
        let mut halves = Halves::start(device);
        kill_host_in_postinst(device, &mut halves);
        halves.host = device.start_host();
        assert_end(&last(device), JobState::RolledBack, Some(Reason::Interrupted));
        assert!(halves.daemon.is_running());
        before.assert_same(&census());
    });
}

#[test]
fn recovery_alone_closes_what_a_crash_left_open() {
    as_root("crash::recovery_alone_closes_what_a_crash_left_open", |device| {
        offer(device);
        let before = census();
        let mut halves = Halves::start(device);
        kill_host_in_postinst(device, &mut halves);
        halves.daemon.kill();
        let recovered = device.cli(Ask::Root, &["host", "--recover"]);
        assert!(recovered.status.success(), "{}", transcript(&recovered));
        before.assert_same(&census());
        let _halves = Halves::start(device);
        assert_end(&last(device), JobState::RolledBack, Some(Reason::Interrupted));
    });
}
