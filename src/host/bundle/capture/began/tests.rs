use std::time::Duration;

use jiff::SignedDuration;

use super::*;

#[test]
fn a_clock_that_was_set_back_is_told_from_one_that_was_set_forward() {
    let ten = Duration::from_secs(10);
    for (said, back) in [(10, None), (9, None), (3600, None), (8, Some(2)), (-50, Some(60))] {
        let found = set_back(SignedDuration::from_secs(said), ten);
        assert_eq!(found, back.map(Duration::from_secs), "{said} s");
    }
}

#[test]
fn what_is_changed_afterwards_is_not_older_than_the_mark_and_what_was_changed_before_is() {
    let folder = tempfile::tempdir().unwrap();
    let before = stamp(&folder.path().join("before")).unwrap();
    let began = Began::mark(folder.path()).unwrap();
    let after = stamp(&folder.path().join("after")).unwrap();
    assert!(before < began.changed() && began.changed() <= after, "{before:?} {began:?} {after:?}");
    began.check("install.sh").unwrap();
}
