use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn systemd_reads_its_files_once_and_first() {
    let calls = [call("stop", "a"), call("daemon-reload", ""), call("restart", "b"), call("daemon-reload", "")];
    assert_eq!(words(&calls, &[], false), ["systemctl daemon-reload", "systemctl stop a", "systemctl restart b"]);
    assert_eq!(words(&[call("start", "a")], &[], true), ["systemctl daemon-reload", "systemctl start a"]);
    assert_eq!(words(&[], &[], true), ["systemctl daemon-reload"]);
    assert_eq!(words(&[], &[], false), [""; 0]);
}

#[test]
fn declared_units_are_restarted_unless_the_script_did() {
    for (calls, expected) in [
        (vec![], &["systemctl restart a", "systemctl restart b.timer"][..]),
        (vec![call("restart", "a.service")], &["systemctl restart a.service", "systemctl restart b.timer"]),
        (vec![call("start", "a")], &["systemctl start a", "systemctl restart a", "systemctl restart b.timer"]),
        (
            vec![call("stop", "a"), call("start", "a")],
            &["systemctl stop a", "systemctl start a", "systemctl restart b.timer"],
        ),
        (
            vec![call("restart", "a"), call("stop", "a")],
            &["systemctl restart a", "systemctl stop a", "systemctl restart a", "systemctl restart b.timer"],
        ),
    ] {
        assert_eq!(words(&calls, &["a", "b.timer", "a.service"], false), expected, "{calls:?}");
    }
}

#[test]
fn where_systemd_does_not_run_the_root_one_note_says_so() {
    let root = tempfile::tempdir().unwrap();
    let restart = ["b".to_owned()];
    let notes = carry_out(root.path(), &[call("start", "a")], &restart, true).unwrap();
    let expected = "systemd does not run this root, so this was not done: systemctl start a; systemctl restart b";
    assert_eq!(notes, [expected]);
    assert_eq!(carry_out(root.path(), &[], &[], true).unwrap(), [""; 0]);
    assert_eq!(stop(root.path(), &restart).unwrap(), [""; 0]);
    start(root.path(), &restart).unwrap();
}

#[test]
fn only_units_that_run_are_stopped() {
    let place = Place::new("'is-active -- on') echo active;; is-active*) echo inactive; exit 3;; stop*) :;;");
    assert_eq!(place.systemctl.stop(&owned(&["on", "off"])).unwrap(), ["on"]);
    assert_eq!(place.called(), ["is-active -- on", "stop -- on", "is-active -- off"]);
}

#[test]
fn what_was_stopped_starts_again_where_another_does_not_stop() {
    let place = Place::new("is-active*) echo active;; 'stop -- b') echo stuck. >&2; exit 1;;");
    let failure = place.systemctl.stop(&owned(&["a", "b"])).unwrap_err();
    assert_eq!(failure.reason, Reason::ApplyFailed);
    assert_eq!(failure.message, "`systemctl stop b` failed: stuck; `journalctl -u b.service` tells more");
    assert_eq!(place.called().last().unwrap(), "start -- a");
}

#[test]
fn every_unit_is_started_and_each_failure_named() {
    let place = Place::new("*a|*c) exit 1;;");
    let failure = place.systemctl.start(&owned(&["a", "b", "c"])).unwrap_err();
    assert_eq!(place.called(), ["start -- a", "start -- b", "start -- c"]);
    assert!(failure.message.contains("`systemctl start a` failed: systemctl ended with exit code 1"), "{failure}");
    assert!(failure.message.contains("; `systemctl start c`") && !failure.message.contains("start b"), "{failure}");
}

#[test]
fn a_unit_that_does_not_start_ends_the_steps() {
    let place = Place::new("'start -- a') echo 'Job for a.service failed.' >&2; exit 1;;");
    let failure = place.systemctl.carry_out(&steps(&[call("start", "a"), call("start", "b")], &[], true)).unwrap_err();
    let expected = "`systemctl start a` failed: Job for a.service failed; `journalctl -u a.service` tells more";
    assert_eq!((failure.reason, failure.message.as_str()), (Reason::ApplyFailed, expected));
    assert_eq!(place.called(), ["daemon-reload --", "start -- a"]);
}

#[test]
fn a_stop_that_fails_or_a_reload_of_what_does_not_run_is_a_note() {
    let place =
        Place::new("stop*|reload*) echo no >&2; exit 5;; 'is-active -- on') echo active;; is-active*) echo failed;;");
    let calls = [call("stop", "gone"), call("reload", "off"), call("start", "b")];
    let notes = place.systemctl.carry_out(&steps(&calls, &[], false)).unwrap();
    assert_eq!(
        notes,
        [
            "`systemctl stop gone` failed, which does not stop the update: no",
            "`systemctl reload off` failed, which does not stop the update: no"
        ]
    );
    assert_eq!(place.called().last().unwrap(), "start -- b");
    place.systemctl.carry_out(&steps(&[call("reload", "on")], &[], false)).unwrap_err();
}

#[test]
fn no_odd_name_and_none_of_belays_own_units_reaches_systemctl() {
    let place = Place::new("*) :;;");
    for unit in ["-x", "a b", "belay-host.service", "*"] {
        place.systemctl.carry_out(&steps(&[call("restart", unit)], &[], false)).unwrap_err();
        place.systemctl.carry_out(&steps(&[], &owned(&[unit]), false)).unwrap_err();
        place.systemctl.stop(&owned(&[unit])).unwrap_err();
        place.systemctl.start(&owned(&[unit])).unwrap_err();
    }
    assert_eq!(place.called(), [""; 0]);
    place.systemctl.carry_out(&steps(&[call("reset-failed", "*")], &[], false)).unwrap();
}

/// A systemctl that writes down how it is called, and then does as a `case` on its words says.
struct Place {
    folder: tempfile::TempDir,
    systemctl: Systemctl,
}

impl Place {
    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    fn new(cases: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (program, log) = (folder.path().join("systemctl"), folder.path().join("log"));
        let script = format!("#!/bin/sh\nshift 2\necho \"$*\" >> {}\ncase \"$*\" in {cases} esac\n", log.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, systemctl: Systemctl { program: program.into() } }
    }

    fn called(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn words(calls: &[ServiceCall], restart: &[&str], units_changed: bool) -> Vec<String> {
    steps(calls, &owned(restart), units_changed).iter().map(Step::words).collect()
}

fn call(verb: &str, units: &str) -> ServiceCall {
    ServiceCall { verb: verb.to_owned(), units: if units.is_empty() { Vec::new() } else { vec![units.to_owned()] } }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
