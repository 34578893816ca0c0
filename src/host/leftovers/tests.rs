#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use super::*;
use crate::config::settings::Undo;
use crate::host::settle::tests::{CHANGES, device};

#[test]
fn a_damaged_new_archive_is_told_and_stops_nothing() {
    let tiny = device();
    let stored = tiny.capture(1, &tiny.plan(&CHANGES), Undo::Required).unwrap().stored;
    let digest = stored.point.packages[0].new.as_ref().unwrap().sha256;
    let path = tiny.vault.path(&digest, ObjectKind::Archive);
    assert_eq!(remove(&tiny, &tiny.vault, std::slice::from_ref(&stored)).unwrap(), Vec::<String>::new());
    std::fs::write(&path, "torn").unwrap();
    let told = remove(&tiny, &tiny.vault, &[stored]).unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&digest.to_string()), "{told:?}");
}
