//! What a captured script changed, as a plan of paths: compared, guarded, carried out, taken back.

mod apply;
mod archive;
mod bare;
mod diff;
mod drift;
mod links;
mod node;
mod place;
mod refuse;
mod undo;

use std::collections::BTreeSet;
use std::path::Path;

use belay_protocol::plan::{FileAction, FileChange};
use belay_protocol::{Failure, Reason, Sha256};
use serde::{Deserialize, Serialize};

use super::capture::Rehearsal;
use crate::host::sealed;
use crate::host::tree::TreePath;

/// The points at which a test can end the process below this folder.
pub const FAILPOINTS: &[&str] = &[
    "files.archive.before",
    "files.archive.after",
    "files.seal.before",
    "files.seal.after",
    "files.remove.before",
    "files.remove.after",
    "files.folder.before",
    "files.folder.after",
    "files.copy.before",
    "files.copy.after",
    "files.move.before",
    "files.move.after",
    "files.dress.before",
    "files.dress.after",
    "files.decide.before",
    "files.decide.after",
    "files.back.before",
    "files.back.after",
];

/// The sealed plan in a restore point's folder.
const PLAN: &str = "files.json";

/// What undo needs of every path that is no folder, in a restore point's folder, by its number in the plan.
pub(in crate::host) const ARCHIVE: &str = "files";

/// What an undo decided before it touched anything, in a restore point's folder until it is complete. Half-way, what
/// others changed could no longer be told from what the undo itself did.
pub(in crate::host) const DECISION: &str = "undo.json";

/// Everything that one captured change does to files. Sealed as `files.json` in the restore point before the first path
/// is touched; what it replaces lies beside it in `files/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// In the order in which they are carried out; undo goes through them in reverse.
    pub changes: Vec<PathChange>,
}

/// What happens to one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    /// The path below the root.
    pub path: TreePath,
    /// What is there before; none where there is nothing.
    pub before: Option<Node>,
    /// What is there afterwards; none where it goes. A folder that is the same before and after is one in which paths
    /// change: its time is put right.
    pub after: Option<Node>,
    /// The inode of what is there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// How it gets to its place.
    #[serde(default, skip_serializing_if = "Way::is_move")]
    pub way: Way,
}

/// How what a script wrote gets to its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By a rename on one file system.
    #[default]
    Move,
    /// By a copy, because it was written on another file system.
    Copy,
    /// By a copy that is read back, to a file system that keeps names and contents alone: FAT.
    Bare,
}

/// One path with everything about it that undo brings back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is and holds.
    #[serde(flatten)]
    pub kind: NodeKind,
    /// Permission bits, setuid and the like included.
    pub mode: u32,
    /// The owning user.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// When its content was last changed: seconds since 1970 and nanoseconds.
    pub modified: (i64, u32),
    /// Extended attributes by name, hex: capabilities and access lists among them; overlay's own are left out.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// What a path is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeKind {
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// Its content's digest.
        sha256: Sha256,
        /// The file of this plan that it is a hard link of, where it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        same_as: Option<TreePath>,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link {
        /// Where it points, as it is written.
        target: TreePath,
    },
    /// A fifo.
    Fifo,
}

impl FilePlan {
    /// Reads what a rehearsal changed, and refuses what cannot be captured. Changes nothing. `state` is the folder of
    /// this program's own records.
    ///
    /// # Errors
    /// `captured_refused`, `captured_conflict`.
    pub fn of(root: &Path, rehearsal: &Rehearsal, state: &Path) -> Result<Self, Failure> {
        diff::plan(root, rehearsal, state)
    }

    /// As a plan shows it. Folders of which only the time is another are left out: it follows from what they hold.
    pub fn shown(&self) -> Vec<FileChange> {
        self.changes.iter().filter_map(PathChange::shown).collect()
    }

    /// Bytes that carrying it out takes on the disk beside what is there.
    pub fn growth(&self) -> u64 {
        let copied = self.changes.iter().filter(|change| change.way != Way::Move && !change.is_touched_only());
        copied.filter_map(|change| change.after.as_ref()).map(Node::size).fold(0, u64::saturating_add)
    }

    /// Keeps what undo needs in `folder/files` and seals the plan as `folder/files.json`; durable when it returns. The
    /// root is as it was. Returns sentences on what had to be copied instead of linked.
    ///
    /// # Errors
    /// `captured_conflict`, `no_space`, `state`.
    pub fn archive(&self, root: &Path, rehearsal: &Rehearsal, folder: &Path) -> Result<Vec<String>, Failure> {
        archive::archive(self, root, rehearsal, folder)
    }

    /// Carries it out; durable when it returns. Archived before.
    ///
    /// # Errors
    /// `captured_conflict`, `apply_failed`, `no_space`: undo then brings everything back.
    pub fn apply(&self, root: &Path, rehearsal: &Rehearsal) -> Result<(), Failure> {
        apply::apply(self, root, rehearsal).map_err(|failure| instead_of_state(failure, Reason::ApplyFailed))
    }

    /// The plan that a restore point's folder holds; none where it holds none.
    ///
    /// # Errors
    /// It is damaged.
    pub fn load(folder: &Path) -> Result<Option<Self>, Failure> {
        sealed::unseal(&folder.join(PLAN))
    }

    /// Takes it back from what `folder` holds. Every step looks first, so an interrupted undo is repeated. With `committed`
    /// what others changed since stays and is reported; without, every path goes back. Returns sentences on what stays
    /// different.
    ///
    /// # Errors
    /// `vault_damaged`, `no_space`, `undo_failed`.
    pub fn undo(&self, root: &Path, folder: &Path, committed: bool) -> Result<Vec<String>, Failure> {
        undo::undo(self, root, folder, committed).map_err(|failure| instead_of_state(failure, Reason::UndoFailed))
    }

    /// What is not as this plan left it, one sentence each; with `thorough` contents are hashed, else sizes and times
    /// are looked at.
    ///
    /// # Errors
    /// A path could not be looked at.
    pub fn drift(&self, root: &Path, thorough: bool) -> Result<Vec<String>, Failure> {
        drift::drift(self, root, thorough)
    }

    /// What of the archive in `folder` undo could not use, one sentence each: everything is hashed.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self, folder: &Path) -> Result<Vec<String>, Failure> {
        drift::verify(self, folder)
    }

    /// With the deepest paths first.
    fn children_first(&self) -> Vec<(usize, &PathChange)> {
        let mut changes = self.parents_first();
        changes.reverse();
        changes
    }

    /// With each folder before what it holds.
    fn parents_first(&self) -> Vec<(usize, &PathChange)> {
        let mut changes: Vec<_> = self.changes.iter().enumerate().collect();
        changes.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
        changes
    }
}

impl PathChange {
    /// Whether this is a folder of which nothing changes but what it holds.
    fn is_touched_only(&self) -> bool {
        self.before == self.after
    }

    /// What undo needs an archive of: something that is no folder and changes.
    fn archived(&self) -> Option<&Node> {
        self.before.as_ref().filter(|before| !before.is_folder() && !self.is_touched_only())
    }

    fn shown(&self) -> Option<FileChange> {
        let action = match (&self.before, &self.after) {
            (None, None) => return None,
            (None, Some(_)) => FileAction::Create,
            (Some(_), None) => FileAction::Delete,
            (Some(before), Some(after)) if !before.holds_the_same(after) => FileAction::Replace,
            (Some(before), Some(after)) if before.is_folder() && before.alike(after, self.way, false) => return None,
            (Some(_), Some(_)) => FileAction::Metadata,
        };
        let path = format!("/{}", String::from(self.path.clone()));
        Some(FileChange { path, action, size: self.after.as_ref().map_or(0, Node::size) })
    }
}

impl Way {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_move(&self) -> bool {
        *self == Self::Move
    }
}

fn instead_of_state(failure: Failure, reason: Reason) -> Failure {
    if failure.reason == Reason::State { Failure::new(reason, failure.message) } else { failure }
}

/// Up to twenty paths, for a sentence.
fn named(paths: &BTreeSet<TreePath>) -> String {
    let mut text = paths.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let beyond @ 1.. = paths.len().saturating_sub(SHOWN) {
        text += &format!(" and {beyond} more");
    }
    text
}

/// Paths that a sentence names.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests;
