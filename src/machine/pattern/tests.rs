use proptest::prelude::*;

use super::matches;

#[test]
fn a_star_stands_for_any_text_and_nothing_else_is_special() {
    for (pattern, text, expected) in [
        ("bash", "bash", true),
        ("bash", "bash-completion", false),
        ("linux-image*", "linux-image", true),
        ("linux-image*", "linux-image-6.1.0-13-arm64", true),
        ("linux-image*", "a-linux-image", false),
        ("*-dev", "libc6-dev", true),
        ("*-dev", "libc6-dev-bin", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "a-c-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("a*a", "a", false),
        ("ab*ba", "aba", false),
        ("*", "", true),
        ("", "a", false),
        ("", "", true),
        ("g++", "g++", true),
        ("a.c", "abc", false),
        ("a?c", "abc", false),
        ("**", "abc", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
    }
}

/// The definition, slow and plain.
fn slow(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
        Some((first, rest)) => text.first() == Some(first) && slow(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_definition(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
        prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
    }
}
