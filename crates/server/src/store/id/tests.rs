//! Names sort by time and never repeat.

use std::collections::BTreeSet;

use super::*;

#[test]
fn later_names_are_greater_even_within_a_millisecond() {
    let names: Vec<String> =
        (0..5000_i64).map(|at| new("d", Timestamp::from_millisecond(1_700_000_000_000 + at / 100).unwrap())).collect();
    assert!(names.is_sorted(), "they are in the order in which they were made");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn a_name_holds_only_what_a_path_and_a_shell_take_as_it_is() {
    let name = new("dep", Timestamp::from_millisecond(i64::from(u32::MAX) * 1000).unwrap());
    assert_eq!(name.len(), "dep_".len() + 24);
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
}

#[test]
fn digits_keep_the_order_of_numbers() {
    assert!(DIGITS.is_sorted());
    let mut text = String::new();
    push(&mut text, 32 * 31 + 1, 3);
    assert_eq!(text, "0z1");
}
