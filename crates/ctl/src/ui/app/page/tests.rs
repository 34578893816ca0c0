//! Text is broken so that it fits, and nothing of it is lost.

use super::wrap;

#[test]
fn lines_are_broken_between_words() {
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("one two three", 13), ["one two three"]);
    assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    assert_eq!(wrap("", 8), [""]);
    assert_eq!(wrap("a\nb", 8), ["a", "b"]);
}

#[test]
fn what_follows_a_break_is_indented_as_the_beginning() {
    assert_eq!(wrap("    one two three", 12), ["    one two", "    three"]);
}

#[test]
fn a_word_that_does_not_fit_is_cut() {
    assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    assert_eq!(wrap("äöüßéèêë", 4), ["äöüß", "éèêë"]);
}

#[test]
fn no_width_and_no_text_stops_it() {
    let texts = ["", " ", "      ", "  a", "ä ä ä ä", "          x y", "a b\n\n c", "日本語の文"];
    for text in texts {
        for width in 0..20 {
            let lines = wrap(text, width);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text), "{text:?} at {width}");
            assert!(lines.iter().all(|line| line.chars().count() <= width.max(1)), "{text:?} at {width}: {lines:?}");
        }
    }
}
