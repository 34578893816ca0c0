//! What a captured change cannot hold, and what others changed meanwhile: gathered, then refused in one sentence.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::{Failure, Reason};
use rustix::fs::{Statx, StatxAttributes};

use super::node::has;
use super::{SHOWN, named};
use crate::host::tree::TreePath;

/// Records that only their own programs may change.
const RECORDS: [&str; 3] = ["var/lib/dpkg", "var/lib/apt", "var/lib/belay"];

/// What is in the way of a plan.
#[derive(Debug, Default)]
pub(super) struct Objections {
    refused: BTreeMap<TreePath, &'static str>,
    conflicts: BTreeSet<TreePath>,
    records: Vec<TreePath>,
}

impl Objections {
    /// With this program's own records at `state`, below the root.
    pub(super) fn new(state: Option<TreePath>) -> Self {
        Self { records: RECORDS.into_iter().map(TreePath::from).chain(state).collect(), ..Self::default() }
    }

    /// A path that cannot be captured, and why.
    pub(super) fn refuse(&mut self, path: &TreePath, why: &'static str) {
        self.refused.entry(path.clone()).or_insert(why);
    }

    /// A path that somebody else changed.
    pub(super) fn conflict(&mut self, path: &TreePath) {
        self.conflicts.insert(path.clone());
    }

    /// Looks at a path that is to change.
    pub(super) fn judge(&mut self, path: &TreePath, lower: Option<&Statx>) {
        if self.records.iter().any(|record| path.is_below(record)) {
            self.refuse(path, "a record of dpkg, apt or this program: declare packages in belay.toml instead");
        }
        if let Some(lower) = lower {
            self.judge_attributes(path, lower);
        }
    }

    /// Looks at what stands at a path in or at which something is to change.
    pub(super) fn judge_attributes(&mut self, path: &TreePath, lower: &Statx) {
        if has(lower, StatxAttributes::IMMUTABLE | StatxAttributes::APPEND) {
            self.refuse(path, "immutable or append-only: take that off with chattr -i -a");
        }
    }

    /// Fails where anything is in the way.
    pub(super) fn verdict(self) -> Result<(), Failure> {
        if !self.refused.is_empty() {
            let told = self.refused.iter().take(SHOWN).map(|(path, why)| format!("{path} ({why})"));
            let mut text = told.collect::<Vec<_>>().join(", ");
            if let beyond @ 1.. = self.refused.len().saturating_sub(SHOWN) {
                text += &format!(" and {beyond} more");
            }
            return Err(Failure::new(
                Reason::CapturedRefused,
                format!(
                    "the install script changed what a captured change cannot hold: {text}; let it leave these alone, or \
                     declare mode = \"direct\" in belay.toml"
                ),
            ));
        }
        if !self.conflicts.is_empty() {
            return Err(conflict(&self.conflicts));
        }
        Ok(())
    }
}

/// The failure that names what others changed.
pub(super) fn conflict(paths: &BTreeSet<TreePath>) -> Failure {
    Failure::new(
        Reason::CapturedConflict,
        format!(
            "somebody else changed what the install script was changing too: {}; stop what writes there (belay.toml: \
             stop), then ask again",
            named(paths)
        ),
    )
}

/// The failure that names the one path that others changed.
pub(super) fn conflict_at(path: &TreePath) -> Failure {
    conflict(&[path.clone()].into())
}
