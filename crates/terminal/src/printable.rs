//! Text of others on its way to a terminal. What a device or a package script says may hold orders to the terminal.

use std::borrow::Cow;

/// The text without anything that a terminal would obey, but for new lines, tabs and colours.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_order) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = match colour(rest) {
            Some(length) => {
                kept.push_str(&rest[..length]);
                length
            }
            None => {
                if !is_order(letter) {
                    kept.push(letter);
                }
                letter.len_utf8()
            }
        };
        rest = &rest[skipped..];
    }
    Cow::Owned(kept)
}

/// A text of somebody else as a part of one line: a name in a table, say. It keeps its letters only: no colour, no new line,
/// nothing that turns the direction of writing or cannot be seen.
pub fn one_line(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = colour(rest).unwrap_or(letter.len_utf8());
        if matches!(letter, '\n' | '\t' | '\u{2028}' | '\u{2029}') {
            kept.push(' ');
        } else if !letter.is_control() && !is_unseen(letter) {
            kept.push(letter);
        }
        rest = &rest[skipped..];
    }
    kept
}

/// Marks without a width of their own, those that turn the direction of writing among them.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How long the colour is that begins here: `ESC [`, digits and semicolons, `m`.
fn colour(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\x1b[")?;
    let digits = code.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    (code.as_bytes().get(digits) == Some(&b'm')).then_some(2 + digits + 1)
}

fn is_order(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\t')
}

#[cfg(test)]
mod tests;
