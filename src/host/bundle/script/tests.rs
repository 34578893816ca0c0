use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_script_says_what_starts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("install.sh");
    let itself = path.to_str().unwrap();
    for (text, mode, expected) in [
        ("#!/bin/sh\ntrue\n", 0o755, vec![itself]),
        ("#!/bin/sh\ntrue\n", 0o644, vec!["/bin/sh", itself]),
        ("#! /usr/bin/env  -S bash -e\ntrue\n", 0o644, vec!["/usr/bin/env", "-S bash -e", itself]),
        ("#!/bin/bash", 0o600, vec!["/bin/bash", itself]),
        ("true\n", 0o755, vec!["/bin/sh", itself]),
        ("", 0o644, vec!["/bin/sh", itself]),
        ("\x7fELF", 0o755, vec![itself]),
    ] {
        write(&path, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(words(&path).unwrap(), expected, "{text:?} {mode:o}");
    }
    assert!(words(&folder.path().join("missing")).is_err());
}

#[test]
fn the_last_lines_are_the_last_that_say_something_and_none_of_an_earlier_script() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    assert_eq!(last_lines(&log, 0), Vec::<String>::new());
    write(&log, "one\ntwo\n\n three\x1b[0m  \n");
    assert_eq!(last_lines(&log, 0), ["one", "two", " three[0m"]);
    assert_eq!(last_lines(&log, 8), [" three[0m"]);
    assert_eq!(last_lines(&log, 99), Vec::<String>::new());
    write(&log, &format!("{}\n1\n2\n3\n4\n5\n", "x".repeat(100_000)));
    assert_eq!(last_lines(&log, 0), ["1", "2", "3", "4", "5"]);
}

fn write(path: &Path, text: &str) {
    crate::durable::write_atomic(path, text.as_bytes(), 0o600).unwrap();
}
