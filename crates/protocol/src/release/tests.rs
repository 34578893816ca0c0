use std::cmp::Ordering::{Equal, Greater, Less};

use super::*;

fn compare(left: &str, right: &str) -> Option<std::cmp::Ordering> {
    left.parse::<ReleaseVersion>().unwrap().compare(&right.parse().unwrap())
}

#[test]
fn versions_seen_in_the_field_are_ordered_or_only_the_same() {
    for (left, right, order) in [
        ("v2.1.0", "2.1.0", Some(Equal)),
        ("v2.1.0", "v2.10.0", Some(Less)),
        ("2.33.07", "2.33.7", Some(Equal)),
        ("232", "231", Some(Greater)),
        ("1.0.beta", "1.0", Some(Greater)),
        ("Linux-6.1", "Linux-6.1", Some(Equal)),
        ("Linux-6.1", "Linux-6.2", None),
        ("Linux-6.1", "6.1", None),
        ("vanilla", "vanilla", Some(Equal)),
        ("vanilla", "v1", None),
    ] {
        assert_eq!(compare(left, right), order, "{left} {right}");
    }
}

#[test]
fn a_version_can_stand_in_a_path() {
    for text in ["", ".", "..", "1/2", "1 2", "1:2", "1~rc", &"1".repeat(65)] {
        assert!(text.parse::<ReleaseVersion>().is_err(), "{text:?}");
    }
}
