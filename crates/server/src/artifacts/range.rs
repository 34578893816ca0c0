//! Which part of an artifact a `Range` header asks for.

use std::ops::Range;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: nothing else was asked for, or nothing that is understood; both is allowed by RFC 9110.
    Whole,
    /// A part that lies within it.
    Part(Range<u64>),
    /// A part that lies beyond its end.
    Beyond,
}

/// Reads a `Range` header for something of `size` bytes. Several ranges at once are answered with the whole.
pub fn wanted(header: &str, size: u64) -> Wanted {
    let parsed = header.trim().split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = parsed.and_then(|(_, range)| range.trim().split_once('-')) else { return Wanted::Whole };
    let (Ok(first), Ok(last)) = (number(first.trim()), number(last.trim())) else { return Wanted::Whole };
    let part = match (first, last) {
        (None, None) => return Wanted::Whole,
        (None, Some(count)) => size.saturating_sub(count)..size,
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if first > last => return Wanted::Whole,
        (Some(first), Some(last)) => first..size.min(last.saturating_add(1)),
    };
    if part.is_empty() { Wanted::Beyond } else { Wanted::Part(part) }
}

/// A number too large to count to is beyond every end; an absent one is no number at all.
fn number(text: &str) -> Result<Option<u64>, ()> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    Ok((!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;
