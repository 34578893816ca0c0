//! What texts may hold, at the door: no control characters that a database or a terminal chokes on, and no endless ones.

use belay_protocol::MAX_LINES;
use belay_protocol::bundle::LONGEST_MANIFEST;
use serde_json::Value;

use super::error::Refusal;

/// Looks at every text of an operator's request: refused where one is too long or holds a control character.
pub(crate) fn check(value: &Value) -> Result<(), Refusal> {
    check_at(value, "", "")
}

fn check_at(value: &Value, path: &str, name: &str) -> Result<(), Refusal> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => check_text(text, path, name),
        Value::Array(items) if items.len() > MAX_LINES => {
            Err(Refusal::of_field(path, format!("a list has at most {MAX_LINES} entries, this one {}", items.len())))
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| check_at(item, &format!("{path}[{at}]"), name))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| check_at(value, &join(path, key), key)),
    }
}

/// Looks at a text that came by itself, as the part of a form or as a whole body.
pub(crate) fn check_part(name: &str, text: &str) -> Result<(), Refusal> {
    let path = match name {
        "manifest" => "manifest.text",
        "signature" => "manifest.signature",
        other => other,
    };
    check_text(text, path, name).map_err(|refusal| refusal.at(name))
}

fn check_text(text: &str, path: &str, name: &str) -> Result<(), Refusal> {
    let (longest, lines) = match (path, name) {
        (_, NOTES) => (LONGEST_NOTES, true),
        ("manifest.text", _) => (LONGEST_MANIFEST, true),
        ("manifest.signature", _) => (LONGEST_SIGNATURE, true),
        (_, "name") => (LONGEST_NAME, false),
        (_, _) => (LONGEST, false),
    };
    if text.len() > longest {
        return Err(Refusal::of_field(path, format!("it has at most {longest} bytes, this one {}", text.len())));
    }
    match text.chars().find(|letter| letter.is_control() && !(lines && "\n\r\t".contains(*letter))) {
        Some(letter) => Err(Refusal::of_field(path, format!("the character {letter:?} may not stand in it"))),
        None => Ok(()),
    }
}

/// Finds what was sent and not understood: `read` is the same request as this program wrote it down again.
///
/// An operator's misspelt field would otherwise do nothing without a word. Devices are treated otherwise: an older
/// server must understand a newer agent.
pub(crate) fn check_known(sent: &Value, read: &Value) -> Result<(), Refusal> {
    unknown(sent, read, "").map_or(Ok(()), |field| {
        let message = format!("there is no field {field:?} here; see the API document for those that there are");
        Err(Refusal::of_field(field, message))
    })
}

fn unknown(sent: &Value, read: &Value, path: &str) -> Option<String> {
    let (Value::Object(sent), Value::Object(read)) = (sent, read) else { return None };
    sent.iter().find_map(|(key, value)| {
        let path = join(path, key);
        read.get(key).map_or(Some(path.clone()), |read| unknown(value, read, &path))
    })
}

/// Makes a text of a device fit to be stored: it is what the machine said, so it is never refused.
pub(crate) fn tidy(text: &mut String, longest: usize) {
    cut(text, longest);
    if text.contains(|letter: char| letter.is_control() && letter != '\n' && letter != '\t') {
        *text = text.replace(|letter: char| letter.is_control() && letter != '\n' && letter != '\t', "\u{fffd}");
    }
}

/// Cuts a text to so many bytes, or a few less where a character would be torn.
pub(crate) fn cut(text: &mut String, longest: usize) {
    let fits = (0..=longest.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(fits.unwrap_or_default());
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A field that may have lines, wherever it stands.
const NOTES: &str = "notes";
pub(crate) const LONGEST_NOTES: usize = 64 * 1024;
/// The longest signature of a manifest; minisign's have about 300 bytes and the trusted comment.
pub(crate) const LONGEST_SIGNATURE: usize = 4 * 1024;
const LONGEST_NAME: usize = 200;
/// The longest any other text may be: a line of a package list, a window, a word to search for.
pub(crate) const LONGEST: usize = 512;

#[cfg(test)]
mod tests;
