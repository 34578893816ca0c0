//! A layer that is a whole copy: what differs from the real folder by name, size and content. FAT keeps nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use belay_protocol::Failure;

use super::diff::{Survey, is_equal};
use super::node::Found;
use super::{Node, NodeKind, PathChange, Way};
use crate::host::bundle::capture::Layer;
use crate::host::disk;
use crate::host::tree::TreePath;

/// Adds what differs between a copy and the folder that it was made of.
pub(super) fn compare(survey: &mut Survey<'_>, layer: &Layer) -> Result<(), Failure> {
    let mut waiting: Vec<(PathBuf, PathBuf)> = vec![(layer.upper.clone(), layer.at.clone())];
    while let Some((upper, path)) = waiting.pop() {
        let names = disk::names_in(&upper)?;
        refuse_twins(survey, &path, &names);
        let lower: BTreeSet<OsString> = match Node::of(&survey.root.join(&path))? {
            found if found.is_folder() => disk::names_in(&survey.root.join(&path))?.into_iter().collect(),
            Found::Nothing | Found::Known(..) | Found::Other => BTreeSet::new(),
        };
        for gone in lower.iter().filter(|name| !names.contains(name)) {
            survey.delete(TreePath::new(path.join(gone)), Way::Bare)?;
        }
        for name in names {
            let (from, to) = (upper.join(&name), path.join(&name));
            let Found::Known(after, _) = Node::of(&from)? else {
                survey.objections.refuse(&TreePath::new(&to), "a socket or device: it cannot be carried over");
                continue;
            };
            if matches!(after.kind, NodeKind::Link { .. } | NodeKind::Fifo) {
                survey.objections.refuse(&TreePath::new(&to), "a link or fifo: FAT holds files and folders alone");
                continue;
            }
            if after.is_folder() {
                waiting.push((from, to.clone()));
            }
            change(survey, TreePath::new(to), after)?;
        }
    }
    Ok(())
}

fn change(survey: &mut Survey<'_>, path: TreePath, after: Node) -> Result<(), Failure> {
    let before = survey.found(&path)?;
    if before.is_folder() && !after.is_folder() {
        for name in disk::names_in(&survey.root.join(path.as_path()))? {
            survey.delete(TreePath::new(path.as_path().join(name)), Way::Bare)?;
        }
    }
    let (inode, before) = (before.inode(), before.node().cloned());
    let change = PathChange { path, before, after: Some(after), inode, way: Way::Bare };
    if is_equal(&change) { Ok(()) } else { survey.keep(change) }
}

/// FAT takes two names for one that differ in upper and lower case alone.
fn refuse_twins(survey: &mut Survey<'_>, path: &std::path::Path, names: &[OsString]) {
    let mut folded = BTreeMap::new();
    for name in names {
        if folded.insert(name.to_string_lossy().to_lowercase(), name).is_some() {
            let why = "another name there differs only in upper and lower case, which FAT takes for the same";
            survey.objections.refuse(&TreePath::new(path.join(name)), why);
        }
    }
}
