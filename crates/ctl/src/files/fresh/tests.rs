//! Tests of what is written over, and of what is not.

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn what_lies_there_stays_unless_it_is_the_same_or_meant() {
    let there = tempfile::tempdir().unwrap();
    let (path, source) = (there.path().join("a"), there.path().join("source"));
    fs::write(&source, "two").unwrap();
    for (fresh, expected) in [
        (Fresh::text(&path, "one", false), Some("one")),
        (Fresh::text(&path, "one", false), Some("one")),
        (Fresh::text(&path, "on", false), None),
        (Fresh::text(&path, "one!", false), None),
        (Fresh::copy(&path, &source, false), None),
        (Fresh::copy(&path, &source, true), Some("two")),
        (Fresh::copy(&path, &source, false), Some("two")),
        (Fresh::text(&path, "one", true), Some("one")),
    ] {
        let before = fs::read_to_string(&path).unwrap_or_default();
        let what = format!("{fresh:?}");
        assert_eq!(fresh.check().is_ok(), expected.is_some(), "{what}");
        let written = fresh.write();
        assert_eq!(written.is_ok(), expected.is_some(), "{what}: {written:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected.unwrap_or(&before), "{what}");
    }
    assert_eq!(fs::read_dir(there.path()).unwrap().count(), 2, "nothing but the two files is left");
}

#[test]
fn a_link_is_replaced_and_not_written_through() {
    let there = tempfile::tempdir().unwrap();
    let (path, other) = (there.path().join("a"), there.path().join("other"));
    for content in [Some("precious"), None] {
        match content {
            Some(content) => fs::write(&other, content).unwrap(),
            None => fs::remove_file(&other).unwrap(),
        }
        symlink(&other, &path).unwrap();
        let refusal = Fresh::text(&path, "one", false).write().unwrap_err().to_string();
        assert!(refusal.contains("--force"), "{refusal}");
        Fresh::text(&path, "one", true).write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::read_to_string(&other).ok().as_deref(), content);
        fs::remove_file(&path).unwrap();
    }
    Fresh::text("/dev/null", "one", false).write().unwrap();
}
