//! Takes out of a text what differs from run to run, so that the rest can be compared: names of rows, digests, times,
//! ports, temporary folders. Tables stay as wide as they were.

use std::collections::BTreeMap;

/// The text with names instead: the first device is `d_1`, filled up to the width that names of rows have; a digest is
/// `5a5a…`; an instant is the first second of 2026; a port is 8443.
pub(crate) fn redacted(text: &str) -> String {
    let mut names = Names::default();
    let words = split(text).map(|word| names.redact(word));
    let text: String = words.collect();
    ["just now", "second ago", "seconds ago", "minute ago", "minutes ago"]
        .iter()
        .fold(text, |text, age| without_age(&text, age))
}

/// Names of rows that were seen, in the order in which they were.
#[derive(Debug, Default)]
struct Names(BTreeMap<char, Vec<String>>);

impl Names {
    fn redact(&mut self, word: &str) -> String {
        if is_digest(word) {
            return "5a".repeat(32);
        }
        if let Some(kind) = kind_of_row(word) {
            let known = self.0.entry(kind).or_default();
            let number = match known.iter().position(|name| name == word) {
                Some(at) => at + 1,
                None => {
                    known.push(word.to_owned());
                    known.len()
                }
            };
            return format!("{kind}_{number:0>24}");
        }
        if let Some((host, port)) = word.rsplit_once(':') {
            let is_address = host.ends_with("127.0.0.1") || host.ends_with("localhost");
            if is_address && port.parse::<u16>().is_ok() {
                return format!("{host}:8443");
            }
        }
        instant(word).unwrap_or_else(|| word.to_owned())
    }
}

/// The text in pieces: words that may be names, and what lies between them.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| !is_of_word(c)).flat_map(|piece| {
        let end = piece.trim_end_matches(|c: char| !is_of_word(c)).len();
        [&piece[..end], &piece[end..]]
    })
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:.-".contains(c)
}

fn is_digest(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `d` of a device's name, `r` of a deployment's.
fn kind_of_row(word: &str) -> Option<char> {
    let (kind, rest) = word.split_once('_')?;
    let is_name = rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    kind.chars().next().filter(|_| is_name && kind.len() == 1)
}

/// `2026-11-21T22:27:24.123Z`, `2026-11-21` and `22:27:24` and `22:27` become one instant.
fn instant(word: &str) -> Option<String> {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let redacted = match shape.as_str() {
        "0000-00-00" => "2026-01-01",
        "00:00:00" => "00:00:01",
        "00:00" => "00:00",
        _ if shape.starts_with("0000-00-00T00:00:00") => "2026-01-01T00:00:01Z",
        _ => return None,
    };
    Some(redacted.to_owned())
}

/// `3 seconds ago` becomes `just now`.
fn without_age(text: &str, age: &str) -> String {
    let mut out = String::new();
    let mut pieces = text.split(age).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            out.push_str(piece);
            break;
        }
        let kept = piece.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let gap = &piece[kept.len()..];
        let blanks: String = gap.chars().take_while(|c| *c == ' ').collect();
        out.push_str(kept);
        out.push_str(&blanks);
        out.push_str("just now");
    }
    out
}
