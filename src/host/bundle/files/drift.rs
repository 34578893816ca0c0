//! Whether paths are as a plan left them, and whether its archive is as it was made.

use std::path::Path;

use belay_protocol::Failure;

use super::node::{Found, kind_of, located, look, modified, seen, through_link};
use super::{ARCHIVE, FilePlan, Node, NodeKind, PathChange, Way};
use crate::host::disk;

/// What others changed since, one sentence each. Times of folders are no drift: they follow from what the folders hold.
pub(super) fn drift(plan: &FilePlan, root: &Path, thorough: bool) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for (_, change) in plan.parents_first().into_iter().filter(|(_, change)| !change.is_touched_only()) {
        let path = &change.path;
        let there = if thorough { deeply(root, change)? } else { at_a_glance(root, change)? };
        let said = match (there, &change.after) {
            (Seen::AsLeft, _) => continue,
            (Seen::Nothing, _) => format!("{path} is gone since the update"),
            (Seen::Another, None) => format!("{path} is there again since the update removed it"),
            (Seen::Another, Some(_)) => format!("{path} was changed since the update"),
        };
        found.push(said);
    }
    Ok(found)
}

enum Seen {
    AsLeft,
    Nothing,
    Another,
}

fn deeply(root: &Path, change: &PathChange) -> Result<Seen, Failure> {
    let now = seen(root, &change.path)?;
    Ok(match now {
        _ if now.is(change.after.as_ref(), change.way) => Seen::AsLeft,
        Found::Nothing => Seen::Nothing,
        Found::Known(..) | Found::Other => Seen::Another,
    })
}

fn at_a_glance(root: &Path, change: &PathChange) -> Result<Seen, Failure> {
    let full = located(root, &change.path)?;
    let now = if through_link(root, &change.path).is_some() {
        None
    } else {
        look(&full).map_err(|error| disk::failure("look at", &full, &error))?
    };
    Ok(match (now, &change.after) {
        (None, None) => Seen::AsLeft,
        (None, Some(_)) => Seen::Nothing,
        (Some(_), None) => Seen::Another,
        (Some(now), Some(after)) => {
            let kind = kind_of(&now);
            let same = match &after.kind {
                NodeKind::File { size, .. } => kind.is_file() && now.stx_size == *size,
                NodeKind::Folder => kind.is_dir(),
                NodeKind::Link { target } => {
                    kind.is_symlink() && std::fs::read_link(&full).is_ok_and(|found| found == target.as_path())
                }
                NodeKind::Fifo => kind.is_fifo(),
            };
            let time = after.is_folder() || change.way == Way::Bare || modified(&now) == after.modified;
            if same && time { Seen::AsLeft } else { Seen::Another }
        }
    })
}

/// What of an archive could not be used, one sentence each.
pub(super) fn verify(plan: &FilePlan, folder: &Path) -> Result<Vec<String>, Failure> {
    let archive = folder.join(ARCHIVE);
    let mut found = Vec::new();
    for (number, change) in plan.changes.iter().enumerate() {
        let Some(before) = change.archived() else { continue };
        let path = &change.path;
        match Node::of(&archive.join(number.to_string()))? {
            Found::Known(kept, _) if kept.holds_the_same(before) => {}
            Found::Nothing => found.push(format!("the archive lacks {path}")),
            Found::Known(..) | Found::Other => {
                found.push(format!("the archive of {path} does not hold what was archived"));
            }
        }
    }
    Ok(found)
}
