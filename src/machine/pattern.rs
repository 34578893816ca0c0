//! Patterns of package names, in which `*` stands for any text.

/// Whether `text` as a whole fits `pattern`. Only `*` is special; it also stands for no text at all.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces = rest.split('*');
    let end = pieces.next_back().unwrap_or_default();
    // Taking each piece at its first place leaves the most for those after it.
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(end)
}

/// Whether `text` fits one of the patterns.
pub fn matches_any<'a>(patterns: impl IntoIterator<Item = &'a String>, text: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern, text))
}

#[cfg(test)]
mod tests;
