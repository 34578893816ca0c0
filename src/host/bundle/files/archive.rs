//! Keeping what undo needs: another name of every inode that will go, or a copy where a file system gives none.

use std::collections::BTreeSet;
use std::path::Path;

use belay_protocol::Failure;

use super::node::{Found, located, look, modified};
use super::place::{copy, lie_apart};
use super::refuse::conflict_at;
use super::{ARCHIVE, FilePlan, Node, PLAN, PathChange, Way, named};
use crate::failpoint;
use crate::host::bundle::capture::Rehearsal;
use crate::host::tree::TreePath;
use crate::host::{disk, sealed};

/// Archives and seals. Returns a sentence on what had to be copied.
pub(super) fn archive(
    plan: &FilePlan,
    root: &Path,
    rehearsal: &Rehearsal,
    folder: &Path,
) -> Result<Vec<String>, Failure> {
    let archive = folder.join(ARCHIVE);
    // What an interrupted run left is made anew.
    disk::remove_folder(&archive)?;
    disk::make_folder(&archive)?;
    let mut copied = BTreeSet::new();
    for (number, change) in plan.changes.iter().enumerate() {
        let Some(before) = change.archived() else { continue };
        failpoint!("files.archive.before");
        if !keep(&located(root, &change.path)?, &archive.join(number.to_string()), change, before)? {
            copied.insert(change.path.clone());
        }
        failpoint!("files.archive.after");
    }
    sync(root, rehearsal)?;
    disk::sync_file_system(folder)?;
    failpoint!("files.seal.before");
    sealed::seal(&folder.join(PLAN), plan)?;
    failpoint!("files.seal.after");
    Ok(notes(&copied))
}

/// Makes everything durable that was written on the root and the other file systems of a rehearsal.
pub(super) fn sync(root: &Path, rehearsal: &Rehearsal) -> Result<(), Failure> {
    disk::sync_file_system(root)?;
    rehearsal.layers.iter().try_for_each(|layer| disk::sync_file_system(&root.join(&layer.at)))
}

/// Keeps what `before` says of `full`. Returns whether that is the same inode.
fn keep(full: &Path, target: &Path, change: &PathChange, before: &Node) -> Result<bool, Failure> {
    let failed = |error| disk::failure("archive", full, &error);
    let linked = if change.way == Way::Bare { Ok(false) } else { linked(full, target) };
    if linked.map_err(failed)? {
        let kept = look(target).map_err(failed)?;
        let is_it = kept.is_some_and(|kept| {
            Some(kept.stx_ino) == change.inode
                && (before.size() == 0 || kept.stx_size == before.size())
                && modified(&kept) == before.modified
        });
        return if is_it { Ok(true) } else { Err(conflict_at(&change.path)) };
    }
    copy(full, target, before, change.way).map_err(failed)?;
    match Node::of(target)? {
        Found::Known(kept, _) if kept.holds_the_same(before) => Ok(false),
        Found::Known(..) | Found::Nothing | Found::Other => Err(conflict_at(&change.path)),
    }
}

fn linked(full: &Path, target: &Path) -> std::io::Result<bool> {
    match std::fs::hard_link(full, target) {
        Ok(()) => Ok(true),
        Err(error) if lie_apart(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn notes(copied: &BTreeSet<TreePath>) -> Vec<String> {
    if copied.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "kept as copies, because they lie on a file system of their own or cannot be linked: {}",
        named(copied)
    )]
}
