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
