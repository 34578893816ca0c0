use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;

#[test]
fn questions_reach_the_live_system_with_known_options_only() {
    let place = Place::new("echo \"$@\"; exit 3");
    let broker = place.broker();
    let answer = place.ask(&query(&["is-active", "--quiet", "--no-block", "app"]));
    assert_eq!(answer, Answer::says(3, "--no-pager --quiet is-active -- app\n"));
    for args in [&["stop", "app"][..], &["is-active", "--host=other", "app"], &["enable", "app"], &["--user", "status"]]
    {
        assert_eq!(place.ask(&query(args)), Answer::complains(1, "systemctl: this is no question"), "{args:?}");
    }
    assert_eq!(broker.finish(), Recorded::default());
}

#[test]
fn a_unit_that_is_nowhere_is_not_recorded() {
    let place = Place::new("case \"$*\" in *ghost*) echo not-found;; *) echo loaded;; esac");
    let broker = place.broker();
    let missing = Answer::complains(5, "Failed to stop ghost: Unit ghost.service not found.");
    assert_eq!(place.ask(&record("stop", &["ghost"], &["ghost"])), missing);
    assert_eq!(place.ask(&record("restart", &["made-by-systemd"], &["made-by-systemd"])), Answer::default());
    assert_eq!(place.ask(&record("restart", &["seen", "ghost"], &["ghost"])).code, 5);
    assert_eq!(place.ask(&record("stop", &["ghost*"], &["ghost*"])), Answer::default());
    let calls = broker.finish().calls;
    assert_eq!(calls, [call("restart", &["made-by-systemd"]), call("restart", &["seen"]), call("stop", &["ghost*"])]);
}

#[test]
fn a_shim_that_lies_gets_nothing_recorded() {
    let place = Place::new("true");
    let broker = place.broker();
    for (verb, unit) in
        [("poweroff", "x"), ("kill", "app"), ("stop", "belay-host"), ("start", "a;b"), ("is-active", "app")]
    {
        assert_eq!(place.ask(&record(verb, &[unit], &[])).code, 1, "{verb} {unit}");
    }
    assert_eq!(broker.finish().calls, []);
}

#[test]
fn a_broken_client_does_nothing() {
    let place = Place::new("true");
    let broker = place.broker();
    for bytes in [&b""[..], b"\n", b"{}\n", b"{\"reboot\":\"x\"}", b"\xff\xfe\n", &vec![b'a'; MAX_REQUEST as usize + 1]]
    {
        let mut stream = UnixStream::connect(&place.socket).unwrap();
        // The broker may hang up before it has read all of it.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"", "{:?}", &bytes[..bytes.len().min(20)]);
    }
    assert_eq!(broker.finish(), Recorded::default());
}

#[test]
fn many_are_answered_at_once_while_one_is_silent() {
    let place = Place::new("true");
    let broker = place.broker();
    let silent = UnixStream::connect(&place.socket).unwrap();
    std::thread::scope(|scope| {
        for number in 0..100 {
            let unit = format!("u{number}");
            let place = &place;
            scope.spawn(move || assert_eq!(place.ask(&record("start", &[&unit], &[])), Answer::default()));
        }
    });
    drop(silent);
    assert_eq!(broker.finish().calls.len(), 100);
}

#[test]
fn a_socket_that_cannot_be_made_is_told() {
    let failure = Broker::start(Path::new("/nowhere/socket"), Path::new("/"), false).unwrap_err();
    assert_eq!(failure.reason, Reason::State);
    assert!(failure.message.starts_with("failed to listen at /nowhere/socket: "), "{}", failure.message);
}

/// A systemctl for the live system: a script that says what it was asked.
struct Place {
    folder: tempfile::TempDir,
    socket: std::path::PathBuf,
}

impl Place {
    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("systemctl");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let socket = folder.path().join("socket");
        Self { folder, socket }
    }

    fn broker(&self) -> Broker {
        Broker::begin(&self.socket, Live::Systemd(self.folder.path().join("systemctl").into())).unwrap()
    }

    fn ask(&self, request: &Request) -> Answer {
        let stream = UnixStream::connect(&self.socket).unwrap();
        wire::ask(&stream, request, Duration::from_secs(60)).unwrap()
    }
}

fn query(args: &[&str]) -> Request {
    Request::Query(owned(args))
}

fn record(verb: &str, units: &[&str], unseen: &[&str]) -> Request {
    Request::Record { call: call(verb, units), unseen: owned(unseen) }
}

fn call(verb: &str, units: &[&str]) -> ServiceCall {
    ServiceCall { verb: verb.to_owned(), units: owned(units) }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
