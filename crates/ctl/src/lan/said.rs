//! What a device says, made safe where it comes in: it may be anybody's, and is shown on terminals and kept in files.

use belay_terminal::one_line;

/// The longest name: a host's has 64 letters, an announced one 63 bytes.
const LONGEST: usize = 64;

/// A name; nothing where no letter of it can be shown.
pub(super) fn name(said: &str) -> Option<String> {
    let name: String = one_line(said).trim().chars().take(LONGEST).collect();
    (!name.is_empty()).then_some(name)
}

/// Sentences, line by line as they were said.
pub(super) fn text(said: &str) -> String {
    said.lines().map(one_line).collect::<Vec<_>>().join("\n")
}
