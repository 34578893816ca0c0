use std::time::Duration;

use super::{Command, CommandError};

fn shell(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script])
}

#[test]
fn output_and_code_come_back_apart() {
    let finished = shell("echo out; echo err >&2; exit 7").run().unwrap();
    assert_eq!((finished.code, &*finished.stdout, &*finished.stderr), (Some(7), "out\n", "err\n"));
    assert!(finished.complete && !finished.success());
}

#[test]
fn the_environment_is_clean_and_standard_input_is_empty() {
    let finished = shell("env | sort; cat").env("EXTRA", "1").run().unwrap();
    let names: Vec<_> = finished.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    let known = ["DEBIAN_FRONTEND", "EXTRA", "HOME", "LC_ALL", "PATH", "PWD", "BELAY_SANDBOX", "_", "SHLVL", "OLDPWD"];
    assert!(names.contains(&"EXTRA") && names.contains(&"LC_ALL"));
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
}

#[test]
fn input_reaches_the_child() {
    assert_eq!(Command::new("cat").input("demo hold\n").run().unwrap().stdout, "demo hold\n");
}

#[test]
fn status_lines_come_by_descriptor_three_while_standard_input_is_empty() {
    let mut lines: Vec<String> = Vec::new();
    let finished =
        shell("echo one >&3; cat; echo two >&3; echo out").run_with_status(&mut |line| lines.push(line.into()));
    assert_eq!(finished.unwrap().stdout, "out\n");
    assert_eq!(lines, ["one".to_owned(), "two".to_owned()]);
}

#[test]
fn a_child_that_takes_too_long_is_ended_with_its_own_children() {
    let started = crate::clock::monotonic();
    let folder = tempfile::tempdir().unwrap();
    let script = format!("(sleep 2; touch {0}/late) & sleep 600", folder.path().display());
    let error = shell(&script).timeout(Duration::from_millis(200)).run().unwrap_err();
    assert!(matches!(error, CommandError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    let pause = Command::new("sleep").arg("2.2").run().unwrap();
    assert!(pause.success() && !folder.path().join("late").exists(), "a grandchild lived on");
}

#[test]
fn a_daemon_left_behind_does_not_hold_up_the_end() {
    let started = crate::clock::monotonic();
    let finished = shell("echo done; sleep 5 &").run().unwrap();
    assert_eq!(finished.stdout, "done\n");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn endless_output_keeps_head_and_tail() {
    let finished = shell("echo first; head -c 9000000 /dev/zero | tr '\\0' x; echo; echo last").run().unwrap();
    assert!(!finished.complete);
    assert!(finished.stdout.starts_with("first\n") && finished.stdout.ends_with("\nlast\n"));
    assert!(finished.stdout.len() < 5_000_000);
}

#[test]
fn a_missing_program_is_named() {
    let error = Command::new("/nonexistent/apt-get").run().unwrap_err();
    assert!(error.to_string().starts_with("cannot start /nonexistent/apt-get: "), "{error}");
}

#[test]
fn a_unit_gets_the_environment_and_the_status_descriptor() {
    let argv = shell("true").unit(Some("belay-apt-1".into())).argv(true);
    let text: Vec<_> = argv.iter().map(|word| word.to_str().unwrap()).collect();
    assert_eq!(text[..3], ["systemd-run", "--unit", "belay-apt-1"]);
    assert!(text.contains(&"--setenv=LC_ALL=C.UTF-8"));
    let program = text.iter().position(|word| *word == "--").unwrap();
    assert_eq!(text[program + 1..], ["/bin/sh", "-c", "exec \"$@\" 3<&0 </dev/null", "sh", "/bin/sh", "-c", "true"]);
}

#[test]
fn without_a_unit_a_session_of_its_own_keeps_code_status_and_time_limit() {
    let mut lines: Vec<String> = Vec::new();
    let script = "echo one >&3; ps -o sid= -p $$; echo $$; exit 7";
    let finished = shell(script).unit(None).run_with_status(&mut |line| lines.push(line.into())).unwrap();
    let numbers: Vec<_> = finished.stdout.split_whitespace().collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "it leads no session: {numbers:?}");
    assert_eq!((finished.code, lines), (Some(7), vec!["one".to_owned()]));

    let folder = tempfile::tempdir().unwrap();
    let script = format!("(sleep 1; touch {0}/late) & sleep 600", folder.path().display());
    let error = shell(&script).unit(None).timeout(Duration::from_millis(300)).run().unwrap_err();
    assert!(matches!(error, CommandError::Timeout { .. }), "{error}");
    assert!(Command::new("sleep").arg("1.2").run().unwrap().success());
    assert!(!folder.path().join("late").exists(), "a grandchild lived on");
}

#[test]
fn a_log_gets_both_streams_in_order_and_keeps_the_beginning_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let finished = shell("echo one; echo two >&2; echo three").log(&log, 100).run().unwrap();
    assert_eq!((&*finished.stdout, &*finished.stderr), ("", ""));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "one\ntwo\nthree\n");
    shell("echo first; head -c 1000 /dev/zero | tr '\\0' x; echo last").log(&log, 20).run().unwrap();
    let expected = "one\ntwo\nthree\nfirst\nxxxx\n[991 bytes left out]\nxxxxxlast\n";
    assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
}

#[test]
fn a_log_holds_what_was_said_before_time_was_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let error = shell("echo waiting; sleep 600").log(&log, 100).timeout(Duration::from_millis(500)).run().unwrap_err();
    assert!(matches!(error, CommandError::Timeout { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "waiting\n");
}

#[test]
fn a_units_properties_come_before_its_program() {
    let argv = shell("true").property("MemoryMax=64M").unit(Some("belay-bundle-1".into())).argv(false);
    let setting = argv.iter().position(|word| word == "--property=MemoryMax=64M").unwrap();
    assert!(setting < argv.iter().position(|word| word == "--").unwrap());
    assert!(!shell("true").property("MemoryMax=64M").argv(false).iter().any(|word| word == "--property=MemoryMax=64M"));
}
