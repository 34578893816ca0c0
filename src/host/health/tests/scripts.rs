//! The folder contract.

use super::*;

/// Puts a script into the folder. A child writes it: a file that this process had open for writing could not be run
/// while another test starts a child.
fn write(folder: &Path, name: &str, mode: &str, body: &str) {
    let path = folder.join(name);
    let text = "mkdir -p \"$(dirname \"$1\")\" && printf '#!/bin/sh\\n%s\\n' \"$3\" > \"$1\" && chmod \"$2\" \"$1\"";
    let args = ["-c", text, "sh", path.to_str().unwrap(), mode, body];
    let finished = crate::host::command::Command::new("/bin/sh").args(args).run().unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

fn run_in(folder: &Path) -> Vec<CheckResult> {
    let settings = HealthSettings { scripts: folder.to_owned(), ..settings(Vec::new()) };
    run_checks(sandbox(), &settings, &|_, _| {})
}

fn result(name: &str, required: bool, passed: bool, message: &str) -> CheckResult {
    CheckResult { name: name.to_owned(), required, passed, message: message.to_owned() }
}

#[test]
fn executable_files_are_run_by_name_and_the_folder_says_what_a_failure_means() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let note = |word: &str| format!("echo {word} >> {}", log.display());
    write(folder.path(), "required.d/20-second", "755", &format!("{}; echo all well", note("second")));
    write(folder.path(), "required.d/10-first", "755", &format!("{}; echo no disk; exit 2", note("first")));
    write(folder.path(), "required.d/README", "644", &note("readme"));
    write(folder.path(), "required.d/.hidden", "755", &note("hidden"));
    write(folder.path(), "wanted.d/10-nice", "755", &format!("{}; exit 1", note("nice")));
    std::fs::create_dir(folder.path().join("wanted.d/folder")).unwrap();
    assert_eq!(
        run_in(folder.path()),
        [
            result("required.d/10-first", true, false, "no disk (exit code 2)"),
            result("required.d/20-second", true, true, "all well"),
            result("wanted.d/10-nice", false, false, "(exit code 1)"),
        ]
    );
    assert_eq!(std::fs::read_to_string(log).unwrap(), "first\nsecond\nnice\n");
}

#[test]
fn a_script_that_takes_too_long_fails() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "required.d/10-slow", "755", "exec sleep 60");
    let settings = HealthSettings {
        scripts: folder.path().to_owned(),
        script_timeout: Duration::from_millis(50),
        ..settings(Vec::new())
    };
    let results = run_checks(sandbox(), &settings, &|_, _| {});
    assert!(!results[0].passed && results[0].message.contains("ended"), "{results:?}");
}

#[test]
fn a_folder_that_cannot_be_read_is_a_check_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    crate::durable::write_atomic(&folder.path().join("required.d"), b"no folder", 0o644).unwrap();
    let expected = "the folder cannot be read: Not a directory (os error 20)";
    assert_eq!(run_in(folder.path()), [result("required.d", true, false, expected)]);
}
