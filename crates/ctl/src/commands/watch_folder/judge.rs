//! What is done with a file of the folder, from two looks at it and what is remembered. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::{Record, State};
use crate::error::CtlError;

/// What a look at a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Seen {
    /// How many bytes it has.
    pub(super) size: u64,
    /// When it was last written to, in nanoseconds since 1970.
    pub(super) modified_ns: i64,
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let modified_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size: metadata.len(), modified_ns }
    }
}

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, for now.
    Nothing,
    /// Publish it.
    Publish,
    /// Look whether it is still what was published.
    Compare,
}

/// What is to be done with a file, by what the look before showed, what is remembered and what is seen now.
pub(super) fn judge(before: Before, known: Option<&Record>, seen: Seen, now: Timestamp) -> Step {
    if known.is_some_and(|known| known.seen == seen && known.is_settled(now)) {
        return Step::Nothing;
    }
    match before {
        Before::Another | Before::SameAndWaits => return Step::Nothing,
        Before::Same if seen.size == 0 => return Step::Nothing,
        Before::Same => {}
    }
    match known.map(|known| &known.state) {
        Some(State::Published { .. }) => Step::Compare,
        Some(State::Failed { .. } | State::Refused { .. }) | None => Step::Publish,
    }
}

/// What the look before showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// There was none, or it showed something else.
    Another,
    /// The same.
    Same,
    /// The same, and that was found not to be complete.
    SameAndWaits,
}

/// The last looks at all files.
#[derive(Debug, Default)]
pub(super) struct Looks {
    last: BTreeMap<String, Seen>,
    waiting: BTreeMap<String, Seen>,
    told: BTreeSet<(String, Option<Seen>)>,
    unsure: bool,
}

impl Looks {
    /// Takes a look, and tells what the one before showed.
    pub(super) fn saw(&mut self, file: &str, seen: Seen) -> Before {
        let same = self.last.insert(file.to_owned(), seen) == Some(seen);
        self.unsure |= !same;
        match self.waiting.get(file) {
            Some(waiting) if same && *waiting == seen => Before::SameAndWaits,
            _ if same => Before::Same,
            _ => Before::Another,
        }
    }

    /// Remembers that what was seen is not complete: it is not read again before it changes.
    pub(super) fn waits(&mut self, file: &str, seen: Seen) {
        self.waiting.insert(file.to_owned(), seen);
    }

    /// Whether anything looked different since this was asked last.
    pub(super) fn is_unsure(&mut self) -> bool {
        std::mem::take(&mut self.unsure)
    }

    /// Whether this was not said of a file before.
    pub(super) fn is_news(&mut self, file: &str, seen: Seen) -> bool {
        self.told.insert((file.to_owned(), Some(seen)))
    }

    /// Says something of a file once.
    pub(super) fn once(&mut self, file: &str, say: impl FnOnce()) {
        if self.told.insert((file.to_owned(), None)) {
            say();
        }
    }
}

/// Whether the server will say the same to the same archive for ever: something is wrong with the release itself.
pub(super) fn is_final(error: &CtlError) -> bool {
    let CtlError::Refused(refusal) = error else { return false };
    match refusal.error.as_str() {
        "release_exists" | "too_large" => true,
        // It went between being sent and being named.
        "no_artifact" => false,
        _ => refusal.field.is_some(),
    }
}

/// Whether it is the file's content that keeps it from being published: nothing comes of reading the same again. That it
/// could not be read says nothing of it; a share that is away comes back, and rights are mended without a trace in it.
pub(super) fn waits_for_change(error: &CtlError) -> bool {
    matches!(error, CtlError::Damaged(_) | CtlError::Usage(_))
}

#[cfg(test)]
mod tests;
