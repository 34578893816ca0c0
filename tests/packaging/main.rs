//! What is shipped beside the programs: the scripts of /opt/updates, as a shell runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use belay_agent::host::command::{Command, Finished};

#[test]
fn a_version_becomes_a_rollback_to_it() {
    for (args, said) in [
        (&["2.33.06"][..], "rollback\n--to\n2.33.06\n"),
        (&["2.33 06; reboot"], "rollback\n--to\n2.33 06; reboot\n"),
        (&[], "rollback\n"),
    ] {
        let finished = run("rollback.sh", args);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(3), said), "{args:?}");
    }
}

#[test]
fn a_wrong_call_reaches_no_agent() {
    for (script, args) in [
        ("rollback.sh", &["1", "2"][..]),
        ("rollback.sh", &["--approve"]),
        ("rollback.sh", &[""]),
        ("check-updates.sh", &["now"]),
    ] {
        let finished = run(script, args);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{script} {args:?}");
        assert!(finished.stderr.starts_with(&format!("Usage: {script}")), "{}", finished.stderr);
    }
    for script in ["rollback.sh", "check-updates.sh"] {
        let finished = run(script, &["--help"]);
        assert!(finished.success() && finished.stdout.starts_with("Usage: "), "{finished:?}");
    }
}

#[test]
fn check_updates_shows_how_device_and_server_stand() {
    let finished = run("check-updates.sh", &[]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(3), "status\n"));
}

#[test]
fn the_agent_is_found_in_the_path() {
    let folder = agent();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let finished = Command::new(script("rollback.sh")).arg("1.0").env("PATH", path).run().expect("a shell");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(3), "rollback\n--to\n1.0\n"));
}

/// Runs a script with an agent that says what it was asked, and ends with 3.
fn run(name: &str, args: &[&str]) -> Finished {
    let folder = agent();
    Command::new(script(name)).args(args).env("BELAY_AGENT", folder.path().join("belay-agent")).run().expect("a shell")
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/opt-updates").join(name)
}

#[expect(clippy::disallowed_methods, reason = "a test's file")]
fn agent() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("belay-agent");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n").expect("room for a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
    folder
}
