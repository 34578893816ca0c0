//! Carrying a plan out: each path looked at a last time, then put in its place.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};

use super::archive::sync;
use super::node::{kind_of, located, look, modified, strip, through_link};
use super::place::{dress, lie_apart, put_copy, put_link, unlock, unlock_folder};
use super::refuse::conflict_at;
use super::{FilePlan, Node, NodeKind, PathChange, Way};
use crate::failpoint;
use crate::host::bundle::capture::Rehearsal;
use crate::host::disk;
use crate::host::tree::TreePath;

/// Carries out a plan that is archived.
pub(super) fn apply(plan: &FilePlan, root: &Path, rehearsal: &Rehearsal) -> Result<(), Failure> {
    // A rename may reach the disk before the content of what is renamed, and a program that the device needs to start
    // would be empty after a power cut.
    rehearsal.layers.iter().try_for_each(|layer| disk::sync_file_system(&layer.upper))?;
    unlock(root, plan.changes.iter())?;
    for change in plan.changes.iter().filter(|change| !change.is_touched_only()) {
        let full = located(root, &change.path)?;
        still_as_planned(root, &full, change)?;
        match &change.after {
            None => remove(&full, change)?,
            Some(after) => put(root, rehearsal, &full, change, after)?,
        }
    }
    for (_, change) in plan.children_first() {
        if let Some(after) = change.after.as_ref().filter(|after| after.is_folder()) {
            dress_folder(&located(root, &change.path)?, after, change.way, true)?;
        }
    }
    sync(root, rehearsal)
}

/// Fails where somebody changed the path since it was planned.
fn still_as_planned(root: &Path, full: &Path, change: &PathChange) -> Result<(), Failure> {
    let now = look(full).map_err(|error| disk::failure("look at", full, &error))?;
    let same = match (&now, &change.before) {
        (None, None) => true,
        (Some(now), Some(before)) if before.is_folder() => kind_of(now) == rustix::fs::FileType::Directory,
        (Some(now), Some(before)) => {
            // FAT gives a file another inode whenever it is looked at anew.
            let inode = change.way == Way::Bare || Some(now.stx_ino) == change.inode;
            let size = !matches!(before.kind, NodeKind::File { .. }) || now.stx_size == before.size();
            inode && size && modified(now) == before.modified
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    if same && through_link(root, &change.path).is_none() { Ok(()) } else { Err(conflict_at(&change.path)) }
}

fn remove(full: &Path, change: &PathChange) -> Result<(), Failure> {
    failpoint!("files.remove.before");
    let is_folder = change.before.as_ref().is_some_and(Node::is_folder);
    let removed = if is_folder { std::fs::remove_dir(full) } else { std::fs::remove_file(full) };
    removed.map_err(|error| {
        let is_filled = error.kind() == std::io::ErrorKind::DirectoryNotEmpty;
        if is_filled { conflict_at(&change.path) } else { disk::failure("remove", full, &error) }
    })?;
    failpoint!("files.remove.after");
    Ok(())
}

fn put(root: &Path, rehearsal: &Rehearsal, full: &Path, change: &PathChange, after: &Node) -> Result<(), Failure> {
    let was_folder = change.before.as_ref().is_some_and(Node::is_folder);
    if change.before.is_some() && was_folder != after.is_folder() {
        remove(full, change)?;
    }
    match &after.kind {
        NodeKind::Folder if was_folder => Ok(()),
        NodeKind::Folder => make_folder(full),
        NodeKind::File { same_as: Some(first), .. } => {
            failpoint!("files.move.before");
            put_link(&located(root, first)?, full).map_err(|error| disk::failure("link", full, &error))?;
            failpoint!("files.move.after");
            Ok(())
        }
        NodeKind::File { .. } | NodeKind::Link { .. } | NodeKind::Fifo => {
            bring(&written(rehearsal, &change.path)?, full, change, after)
        }
    }
}

/// Moves what the script wrote to its place, or copies it.
fn bring(upper: &Path, full: &Path, change: &PathChange, after: &Node) -> Result<(), Failure> {
    let failed = |error| disk::failure("put in place", full, &error);
    failpoint!("files.move.before");
    if change.way == Way::Move {
        unlock_folder(upper.parent().unwrap_or(upper)).map_err(failed)?;
        strip(upper).and_then(|()| dress(upper, after, change.way, true)).map_err(failed)?;
    }
    let moved = if change.way == Way::Move { std::fs::rename(upper, full) } else { Err(apart()) };
    match moved {
        Ok(()) => {}
        Err(error) if lie_apart(&error) => put_copy(upper, full, after, change.way)?,
        Err(error) => return Err(failed(error)),
    }
    failpoint!("files.move.after");
    Ok(())
}

fn apart() -> std::io::Error {
    std::io::Error::from_raw_os_error(nix::libc::EXDEV)
}

/// Makes a folder that nobody else can enter until it is dressed.
pub(super) fn make_folder(full: &Path) -> Result<(), Failure> {
    failpoint!("files.folder.before");
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(full)
        .map_err(|error| disk::failure("make the folder", full, &error))?;
    failpoint!("files.folder.after");
    Ok(())
}

/// Gives a folder what `node` says, where it is one.
pub(super) fn dress_folder(full: &Path, node: &Node, way: Way, times: bool) -> Result<(), Failure> {
    let now = look(full).map_err(|error| disk::failure("look at", full, &error))?;
    if now.is_none_or(|now| kind_of(&now) != rustix::fs::FileType::Directory) {
        return Ok(());
    }
    failpoint!("files.dress.before");
    dress(full, node, way, times).map_err(|error| disk::failure("put right mode, owner and time of", full, &error))?;
    failpoint!("files.dress.after");
    Ok(())
}

/// Where the script wrote the path.
fn written(rehearsal: &Rehearsal, path: &TreePath) -> Result<PathBuf, Failure> {
    let layers = rehearsal.layers.iter().filter(|layer| path.as_path().starts_with(&layer.at));
    let layer = layers.max_by_key(|layer| layer.at.components().count());
    let below = layer.and_then(|layer| Some((layer, path.as_path().strip_prefix(&layer.at).ok()?)));
    below.map(|(layer, below)| layer.upper.join(below)).ok_or_else(|| {
        Failure::new(Reason::State, format!("no layer of what the script wrote holds {path}; ask for the update again"))
    })
}
