use super::*;
use crate::render::watch::tests::{at_work, deployment};

#[test]
fn a_current_version_is_an_operator_and_a_version() {
    for (text, operator, version) in
        [("<2.0", "<", "2.0"), ("<= 2.0", "<=", "2.0"), ("!=v3", "!=", "v3"), ("=1", "=", "1"), ("232", "=", "232")]
    {
        assert_eq!(split(text).unwrap(), (operator.to_owned(), version.to_owned()), "{text}");
    }
    assert!(split("<").is_err());
}

#[test]
fn what_is_shown_of_a_deployment_agrees_with_its_devices() {
    let before = Buckets { offered: 1, completed: 1, ..Buckets::default() };
    let devices = [at_work("one", "skipped"), at_work("two", "completed"), at_work("three", "waiting")];
    let shown = agreeing(deployment(before), &devices);
    assert_eq!(shown.buckets, Buckets { skipped: 1, completed: 1, waiting: 1, ..Buckets::default() });
    assert_eq!(shown.total, 3);
}
