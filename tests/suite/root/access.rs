//! Who may speak to the daemon and to the host: the system's modes keep strangers out, and where those do not, peer
//! credentials do.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Output;

use belay_testkit::command::transcript;
use belay_testkit::root_tier::Ask;

use super::*;

#[test]
fn a_stranger_reaches_neither_daemon_nor_host() {
    as_root("access::a_stranger_reaches_neither_daemon_nor_host", |device| {
        let halves = Halves::start(device);
        for who in [Ask::Root, Ask::Daemon] {
            let answer = device.cli(who, &["status"]);
            assert!(answer.status.success(), "{who:?}: {}", transcript(&answer));
        }
        assert_refused(&device.cli(Ask::Foreigner, &["status"]), "you may not use");
        assert_refused(&ask_host(device, Ask::Foreigner), "you may not use");

        for socket in [device.control_socket(), device.host_socket()] {
            std::fs::set_permissions(socket, Permissions::from_mode(0o666)).expect("root can set a mode");
        }
        assert_refused(&device.cli(Ask::Foreigner, &["--json", "status"]), "foreign_peer");
        assert!(!halves.host.log().contains("was refused"), "{}", halves.logs());
        assert!(!ask_host(device, Ask::Foreigner).status.success());
        halves.host.wait_log("was refused", PATIENCE);
    });
}

#[test]
fn what_the_host_keeps_is_roots_alone() {
    as_root("access::what_the_host_keeps_is_roots_alone", |device| {
        device.offer(&[demo("1.0"), demo("2.0")], &["demo-app=1.0"]);
        let halves = Halves::start(device);
        assert_committed(&update(device, &halves, &["demo-app=2.0"]));
        for (path, mode, owner) in [
            ("/var/lib/belay/host", 0o700, 0),
            ("/var/lib/belay/host/vault", 0o700, 0),
            ("/var/lib/belay/host/ledger", 0o700, 0),
            ("/var/lib/belay/host/restore-points", 0o700, 0),
            ("/var/lib/belay/rollbackFile", 0o644, 0),
            ("/var/lib/belay/daemon", 0o700, 65534),
            ("/run/belay/agent.sock", 0o660, 65534),
            ("/run/belay-host/host.sock", 0o600, 65534),
        ] {
            let metadata = std::fs::metadata(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (mode, owner), "{path}");
        }
        let process = std::fs::read_to_string(format!("/proc/{}/status", halves.daemon.pid())).expect("it runs");
        assert_says(&process, &["CapEff:\t0000000000000000", "Uid:\t65534"]);
    });
}

/// The command line speaks HTTP, which the host does not: whoever is let in gets an answer all the same.
fn ask_host(device: &RootDevice, who: Ask) -> Output {
    let socket = device.host_socket().to_str().expect("it is text");
    device.cli(who, &["--socket", socket, "status"])
}

#[track_caller]
fn assert_refused(answer: &Output, why: &str) {
    assert!(!answer.status.success(), "{}", transcript(answer));
    assert_says(&transcript(answer), &[why]);
}
