#![expect(clippy::disallowed_methods, reason = "these tests tear files on purpose")]

use super::*;
use serde_json::Value;
use serde_json::json;

fn reopen(folder: &Path) -> slots::Opened<Value> {
    Slots::open(folder, "test", 4096).unwrap()
}

#[test]
fn the_newest_snapshot_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut slots = reopen(folder.path()).slots;
    for number in 0..500 {
        slots.persist(&json!({ "number": number })).unwrap();
    }
    let opened = reopen(folder.path());
    assert_eq!(opened.value, Some(json!({ "number": 499 })));
    assert_eq!(opened.damage, Vec::<String>::new());
}

#[test]
fn a_last_line_cut_at_any_byte_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut slots = reopen(folder.path()).slots;
    slots.persist(&json!("old")).unwrap();
    let path = folder.path().join("test.0");
    let before = std::fs::read(&path).unwrap();
    slots.persist(&json!("new")).unwrap();
    let after = std::fs::read(&path).unwrap();
    let start = before.iter().position(|byte| *byte == 0).unwrap();
    let end = after.iter().position(|byte| *byte == 0).unwrap();
    for cut in start..end {
        let mut torn = before.clone();
        torn[start..cut].copy_from_slice(&after[start..cut]);
        std::fs::write(&path, &torn).unwrap();
        let opened = reopen(folder.path());
        assert_eq!(opened.value, Some(json!("old")), "cut at byte {cut}");
        assert_eq!(opened.damage, Vec::<String>::new());
    }
}

#[test]
fn a_flipped_byte_in_the_middle_is_set_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut slots = reopen(folder.path()).slots;
    slots.persist(&json!("first")).unwrap();
    slots.persist(&json!("second")).unwrap();
    let path = folder.path().join("test.0");
    let mut content = std::fs::read(&path).unwrap();
    content[10] ^= 1;
    std::fs::write(&path, content).unwrap();
    let mut opened = reopen(folder.path());
    assert_eq!(opened.value, Some(json!("second")));
    assert_eq!(opened.damage.len(), 1);
    assert!(folder.path().join("test.0.damaged").exists());
    opened.slots.persist(&json!("third")).unwrap();
    assert_eq!(reopen(folder.path()).value, Some(json!("third")));
}

#[test]
fn a_snapshot_larger_than_a_slot_is_refused_and_the_old_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut slots = reopen(folder.path()).slots;
    slots.persist(&json!("small")).unwrap();
    let error = slots.persist(&"x".repeat(5000)).unwrap_err();
    assert!(matches!(error, SlotsError::TooLarge { .. }));
    assert_eq!(reopen(folder.path()).value, Some(json!("small")));
}

#[test]
fn replacing_a_file_leaves_no_temporary_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write_atomic(&path, b"one", 0o644).unwrap();
    write_atomic(&path, b"two", 0o644).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_torn_line_in_a_reused_file_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut slots = reopen(folder.path()).slots;
    let value = |number: u32| json!({ "number": number, "filler": "x".repeat(700) });
    let mut previous = [Vec::new(), Vec::new()];
    for number in 1..40 {
        for (index, content) in previous.iter_mut().enumerate() {
            *content = std::fs::read(folder.path().join(format!("test.{index}"))).unwrap();
        }
        slots.persist(&value(number)).unwrap();
        for (index, old) in previous.iter().enumerate() {
            let path = folder.path().join(format!("test.{index}"));
            let new = std::fs::read(&path).unwrap();
            if *old == new {
                continue;
            }
            let end = new.iter().rposition(|byte| *byte == b'\n').unwrap();
            let mut torn = new.clone();
            torn[end - 300..].fill(0);
            std::fs::write(&path, &torn).unwrap();
            let opened = reopen(folder.path());
            assert_eq!(opened.damage, Vec::<String>::new(), "snapshot {number}");
            assert_eq!(opened.value, (number > 1).then(|| value(number - 1)), "snapshot {number}");
            std::fs::write(&path, &new).unwrap();
        }
    }
}

#[test]
fn the_folders_above_a_private_one_stay_open() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    make_private_folder(&folder.path().join("belay/host/ledger")).unwrap();
    assert_eq!([mode("belay"), mode("belay/host"), mode("belay/host/ledger")], [0o755, 0o755, 0o700]);
    make_private_folder(&folder.path().join("belay/host/ledger")).unwrap();
}

#[test]
fn a_newest_snapshot_that_cannot_be_read_is_set_aside_and_no_older_one_takes_its_place() {
    for newest in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let path = |index: usize| folder.path().join(format!("test.{index}"));
        reopen(folder.path());
        let line = |sequence: u64, json: &str| {
            let digest = digest_of_bytes(format!("{sequence} {json}").as_bytes());
            format!("{sequence} {digest} {json}\n").into_bytes()
        };
        let write = |index: usize, line: Vec<u8>| {
            OpenOptions::new().write(true).open(path(index)).unwrap().write_all(&line).unwrap();
        };
        write(newest, line(9, "\"of a newer version\""));
        write(1 - newest, line(7, "7"));
        let before = std::fs::read(path(newest)).unwrap();
        let mut opened = Slots::open::<u64>(folder.path(), "test", 4096).unwrap();
        assert_eq!(opened.value, None, "a stale snapshot passed for the newest");
        assert_eq!(opened.damage.len(), 1, "{:?}", opened.damage);
        let aside = folder.path().join(format!("test.{newest}.damaged"));
        assert_eq!(std::fs::read(&aside).unwrap(), before);
        opened.slots.persist(&11_u64).unwrap();
        assert_eq!(std::fs::read(path(newest)).unwrap(), before, "it was overwritten at once");
        let opened = Slots::open::<u64>(folder.path(), "test", 4096).unwrap();
        assert_eq!((opened.value, opened.damage), (Some(11), vec![]));
    }
}
