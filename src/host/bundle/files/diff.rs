//! Comparing what a script wrote with what lies below it: the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use belay_protocol::Failure;
use rustix::fs::{FileType, Statx, StatxAttributes};

use super::links::{Groups, Member};
use super::node::{Found, changed, device, has, kind_of, look, modified, overlay_attribute};
use super::refuse::Objections;
use super::{FilePlan, Node, PathChange, Way};
use crate::host::bundle::capture::{Layer, LayerKind, Rehearsal};
use crate::host::disk;
use crate::host::tree::TreePath;

/// File systems of the namespace that the script ran in: what it wrote there went with it.
const SKIPPED: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// Reads every layer and makes one plan of them.
pub(super) fn plan(root: &Path, rehearsal: &Rehearsal, state: &Path) -> Result<FilePlan, Failure> {
    let state = state.strip_prefix(root).ok().map(TreePath::new);
    let mut survey = Survey {
        root,
        layers: &rehearsal.layers,
        began: rehearsal.began,
        changes: BTreeMap::new(),
        groups: Groups::default(),
        objections: Objections::new(state),
    };
    for layer in &rehearsal.layers {
        match layer.kind {
            LayerKind::Overlay => survey.overlay(layer)?,
            LayerKind::Copy => super::bare::compare(&mut survey, layer)?,
        }
    }
    for change in std::mem::take(&mut survey.groups).resolve() {
        survey.keep(change)?;
    }
    survey.touched_folders()?;
    survey.objections.verdict()?;
    Ok(FilePlan { changes: ordered(survey.changes) })
}

/// What is found while the layers are read.
pub(super) struct Survey<'a> {
    pub(super) root: &'a Path,
    layers: &'a [Layer],
    began: (i64, u32),
    changes: BTreeMap<TreePath, PathChange>,
    groups: Groups,
    pub(super) objections: Objections,
}

/// A folder of an upper that is still to be read.
struct Waiting {
    upper: PathBuf,
    path: PathBuf,
    /// Whether a folder lies below it.
    merged: bool,
}

impl Survey<'_> {
    fn overlay(&mut self, layer: &Layer) -> Result<(), Failure> {
        let mut waiting = vec![Waiting { upper: layer.upper.clone(), path: layer.at.clone(), merged: true }];
        while let Some(folder) = waiting.pop() {
            let names = disk::names_in(&folder.upper)?;
            let marked = overlay_mark(&folder.upper, "opaque")?.is_some_and(|value| value == b"x");
            for name in names {
                let (upper, path) = (folder.upper.join(&name), folder.path.join(&name));
                let skipped = SKIPPED.iter().any(|skipped| path == Path::new(skipped));
                if skipped || self.layers.iter().any(|other| other.at == path) {
                    continue;
                }
                let Some(seen) = looked(&upper)? else { continue };
                let path = TreePath::new(path);
                let lower = if folder.merged { self.lower(&path)? } else { None };
                if is_whiteout(&upper, &seen, marked)? {
                    if lower.is_some() {
                        self.delete(path, way_to(&seen, self.root, layer)?)?;
                    }
                } else if let Some(below) = self.entry(layer, upper, path, &seen, lower.as_ref())? {
                    waiting.push(below);
                }
            }
        }
        Ok(())
    }

    /// What an upper holds at one path: a change, or none. Returns the folder that is to be read next.
    fn entry(
        &mut self,
        layer: &Layer,
        upper: PathBuf,
        path: TreePath,
        seen: &Statx,
        lower: Option<&Statx>,
    ) -> Result<Option<Waiting>, Failure> {
        if overlay_mark(&upper, "redirect")?.is_some() || overlay_mark(&upper, "metacopy")?.is_some() {
            self.objections.refuse(&path, "only a part of it was captured: the overlay was mounted wrongly");
            return Ok(None);
        }
        let was_folder = lower.is_some_and(|lower| kind_of(lower) == FileType::Directory);
        let is_folder = kind_of(seen) == FileType::Directory;
        if was_folder && (!is_folder || overlay_mark(&upper, "opaque")?.is_some_and(|value| value == b"y")) {
            let stays: BTreeSet<_> =
                if is_folder { disk::names_in(&upper)?.into_iter().collect() } else { BTreeSet::new() };
            for name in
                disk::names_in(&self.root.join(path.as_path()))?.into_iter().filter(|name| !stays.contains(name))
            {
                self.delete(TreePath::new(path.as_path().join(name)), way_to(seen, self.root, layer)?)?;
            }
        }
        let Found::Known(after, inode) = Node::of(&upper)? else {
            self.objections.refuse(&path, "a socket or device: it cannot be carried over");
            return Ok(None);
        };
        let before = if lower.is_some() { self.found(&path)? } else { Found::Nothing };
        let change = PathChange {
            path: path.clone(),
            inode: before.inode(),
            before: before.node().cloned(),
            after: Some(after),
            way: way_to(seen, self.root, layer)?,
        };
        if !is_folder && seen.stx_nlink > 1 {
            self.groups.add((device(seen), inode), Member { change });
        } else if !is_equal(&change) {
            self.keep(change)?;
        }
        Ok(is_folder.then(|| Waiting { upper, path: path.as_path().to_owned(), merged: was_folder }))
    }

    /// What stands at a path of the root; nothing where the way leads through a link, as it does not for the script.
    fn lower(&mut self, path: &TreePath) -> Result<Option<Statx>, Failure> {
        let lower = looked(&self.root.join(path.as_path()))?;
        if lower.as_ref().is_some_and(|lower| has(lower, StatxAttributes::MOUNT_ROOT)) {
            self.objections.refuse(path, "another file system is mounted there that cannot be captured");
        }
        Ok(lower)
    }

    /// What stands at a path of the root, with its content.
    pub(super) fn found(&mut self, path: &TreePath) -> Result<Found, Failure> {
        match self.lower(path)? {
            Some(_) => Node::of(&self.root.join(path.as_path())),
            None => Ok(Found::Nothing),
        }
    }

    /// A path goes, with everything below it.
    pub(super) fn delete(&mut self, path: TreePath, way: Way) -> Result<(), Failure> {
        let mut waiting = vec![path];
        while let Some(path) = waiting.pop() {
            let before = self.found(&path)?;
            if before == Found::Nothing {
                continue;
            }
            if before.is_folder() {
                let names = disk::names_in(&self.root.join(path.as_path()))?;
                waiting.extend(names.into_iter().map(|name| TreePath::new(path.as_path().join(name))));
            }
            let (inode, before) = (before.inode(), before.node().cloned());
            self.keep(PathChange { path, before, after: None, inode, way })?;
        }
        Ok(())
    }

    /// Takes a change into the plan, after a look at what is in its way.
    pub(super) fn keep(&mut self, change: PathChange) -> Result<(), Failure> {
        let lower = looked(&self.root.join(change.path.as_path()))?;
        self.objections.judge(&change.path, lower.as_ref());
        if let Some(lower) = &lower {
            match &change.before {
                None if self.is_other(&change.path)? => {
                    self.objections.refuse(&change.path, "a socket or device stood there: it could not be put back");
                }
                None => self.objections.conflict(&change.path),
                Some(before) if self.is_conflict(&change, before, lower) => self.objections.conflict(&change.path),
                Some(_) => {}
            }
        }
        self.changes.insert(change.path.clone(), change);
        Ok(())
    }

    fn is_other(&self, path: &TreePath) -> Result<bool, Failure> {
        Ok(Node::of(&self.root.join(path.as_path()))? == Found::Other)
    }

    /// Whether others changed the path since the script began. A folder in which others change something else is no
    /// conflict: that is judged by itself. Its owner and mode are.
    fn is_conflict(&self, change: &PathChange, before: &Node, lower: &Statx) -> bool {
        let only_time = change.after.as_ref().is_some_and(|after| before.alike(after, change.way, false));
        let entries = before.is_folder() && (only_time || modified(lower) >= self.began);
        changed(lower) >= self.began && !entries
    }

    /// Adds the folders in which something changes: their times are put right afterwards.
    fn touched_folders(&mut self) -> Result<(), Failure> {
        let folders: BTreeMap<PathBuf, Way> = self
            .changes
            .values()
            .filter(|change| change.way != Way::Bare)
            .filter_map(|change| Some((change.path.as_path().parent()?.to_owned(), change.way)))
            .collect();
        for (folder, way) in folders {
            let path = TreePath::new(folder);
            let full = self.root.join(path.as_path());
            if let Some(lower) = looked(&full)? {
                self.objections.judge_attributes(&path, &lower);
            }
            if self.changes.contains_key(&path) {
                continue;
            }
            let Found::Known(before, inode) = Node::of(&full)? else { continue };
            let mut after = before.clone();
            if let Some(time) = self.time_of_top(&path)? {
                after.modified = time;
            }
            let change =
                PathChange { path: path.clone(), before: Some(before), after: Some(after), inode: Some(inode), way };
            self.changes.insert(path, change);
        }
        Ok(())
    }

    /// When entries of a layer's own top folder came or went. Nobody copied its upper up, so only then does the time
    /// of that mean anything.
    fn time_of_top(&self, path: &TreePath) -> Result<Option<(i64, u32)>, Failure> {
        let Some(layer) = self.layers.iter().find(|layer| layer.at == path.as_path()) else { return Ok(None) };
        let is_entry = |change: &&PathChange| change.path.as_path().parent() == Some(path.as_path());
        let renamed = |change: &PathChange| match (&change.before, &change.after) {
            (Some(before), Some(after)) => before.is_folder() != after.is_folder(),
            (None, _) | (_, None) => true,
        };
        if !self.changes.values().filter(is_entry).any(renamed) {
            return Ok(None);
        }
        Ok(looked(&layer.upper)?.map(|seen| modified(&seen)))
    }
}

/// What must go before something else can take its place comes first, children before their folders; then what
/// comes, folders before their children; then what goes.
fn ordered(changes: BTreeMap<TreePath, PathChange>) -> Vec<PathChange> {
    let folder = |node: &Option<Node>| node.as_ref().is_some_and(Node::is_folder);
    let replaced: BTreeSet<TreePath> = changes
        .values()
        .filter(|change| folder(&change.before) && change.after.is_some() && !folder(&change.after))
        .map(|change| change.path.clone())
        .collect();
    let in_the_way = |change: &PathChange| {
        change.path.as_path().ancestors().skip(1).any(|above| replaced.contains(&TreePath::new(above)))
    };
    let (goes, comes): (Vec<_>, Vec<_>) = changes.into_values().partition(|change| change.after.is_none());
    let (first, last): (Vec<_>, Vec<_>) = goes.into_iter().rev().partition(in_the_way);
    first.into_iter().chain(comes).chain(last).collect()
}

/// Whether nothing changes. What was opened for writing and not written is copied up as it is.
pub(super) fn is_equal(change: &PathChange) -> bool {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => before.alike(after, change.way, true),
        (None, None) => true,
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn is_whiteout(upper: &Path, seen: &Statx, marked: bool) -> Result<bool, Failure> {
    let device = kind_of(seen) == FileType::CharacterDevice && (seen.stx_rdev_major, seen.stx_rdev_minor) == (0, 0);
    let empty = marked && kind_of(seen) == FileType::RegularFile && seen.stx_size == 0;
    Ok(device || (empty && overlay_mark(upper, "whiteout")?.is_some()))
}

/// Whether what was written in a layer can be renamed to its place.
fn way_to(upper: &Statx, root: &Path, layer: &Layer) -> Result<Way, Failure> {
    let top = looked(&root.join(&layer.at))?;
    Ok(if top.is_some_and(|top| device(&top) == device(upper)) { Way::Move } else { Way::Copy })
}

fn overlay_mark(path: &Path, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    overlay_attribute(path, name).map_err(|error| disk::failure("look at", path, &error))
}

pub(super) fn looked(path: &Path) -> Result<Option<Statx>, Failure> {
    look(path).map_err(|error| disk::failure("look at", path, &error))
}
