//! What texts may hold.

use serde_json::json;

use super::{check, check_known, tidy};

#[test]
fn a_control_character_is_refused_wherever_it_stands() {
    for value in [json!({"a": {"tags": ["fine", "b\u{0}d"]}}), json!({"name": "two\nlines"}), json!("\u{7f}")] {
        assert!(check(&value).is_err(), "{value} was let in");
    }
}

#[test]
fn notes_may_have_lines_and_nothing_worse() {
    assert!(check(&json!({"notes": "one\r\n\ttwo"})).is_ok());
    assert!(check(&json!({"notes": "one\u{0}"})).is_err());
}

#[test]
fn every_text_and_list_has_its_longest() {
    for (value, fits) in [
        (json!({"notes": "x".repeat(64 * 1024)}), true),
        (json!({"notes": "x".repeat(64 * 1024 + 1)}), false),
        (json!({"name": "x".repeat(200)}), true),
        (json!({"name": "x".repeat(201)}), false),
        (json!({"other": "x".repeat(512)}), true),
        (json!({"other": "x".repeat(513)}), false),
        (json!({"packages": vec!["x"; 5_000]}), true),
        (json!({"packages": vec!["x"; 5_001]}), false),
    ] {
        assert_eq!(check(&value).is_ok(), fits, "{}", &value.to_string()[..40]);
    }
}

#[test]
fn a_misspelt_field_is_found_however_deep() {
    let read = json!({"policy": {"retries": 0, "windows": []}, "name": null});
    assert!(check_known(&json!({"policy": {"retries": 1}}), &read).is_ok());
    let refusal = check_known(&json!({"policy": {"retrys": 1}}), &read).unwrap_err();
    assert!(format!("{refusal:?}").contains("\"policy.retrys\""), "{refusal:?}");
}

#[test]
fn what_a_device_says_is_made_to_fit() {
    let mut text = "a\u{0}b\u{1b}[1m\nc".to_owned();
    tidy(&mut text, 100);
    assert_eq!(text, "a\u{fffd}b\u{fffd}[1m\nc");
    let mut text = "éé".to_owned();
    tidy(&mut text, 3);
    assert_eq!(text, "é");
}
