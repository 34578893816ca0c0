//! Taking a plan back: what is there is looked at, what must be left is decided once, then each path goes back.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};
use serde::{Deserialize, Serialize};

use super::apply::{dress_folder, make_folder};
use super::node::{Found, located, look, seen, through_link};
use super::place::{beside, dress, lie_apart, put_copy, put_link, unlock};
use super::{ARCHIVE, DECISION, FilePlan, Node, PathChange, Way, named};
use crate::failpoint;
use crate::host::tree::TreePath;
use crate::host::{disk, sealed};

/// What stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Decision {
    /// Paths that others changed.
    left: BTreeSet<TreePath>,
    /// Folders of which others changed what they hold: their time stays that of the last change.
    times: BTreeSet<TreePath>,
}

/// Takes the plan back. Returns what stays different, one sentence each.
pub(super) fn undo(plan: &FilePlan, root: &Path, folder: &Path, committed: bool) -> Result<Vec<String>, Failure> {
    let decided = if committed { sealed::unseal(&folder.join(DECISION))? } else { Some(Decision::default()) };
    let known = decided.is_some();
    let decision = decided.map_or_else(|| decide(plan, root), Ok)?;
    let archive = folder.join(ARCHIVE);
    let mut way_back = WayBack { plan, root, archive, committed, decision, reported: Vec::new() };
    way_back.report_left();
    way_back.check_archive()?;
    if !known {
        failpoint!("files.decide.before");
        sealed::seal(&folder.join(DECISION), &way_back.decision)?;
        failpoint!("files.decide.after");
    }
    way_back.run()?;
    disk::sync_file_system(root)?;
    if committed {
        crate::durable::remove(&folder.join(DECISION))
            .map_err(|error| disk::failure("remove", &folder.join(DECISION), &error))?;
    }
    Ok(way_back.reported)
}

/// Tells what others changed from what the plan left.
fn decide(plan: &FilePlan, root: &Path) -> Result<Decision, Failure> {
    let mut decision = Decision::default();
    for change in &plan.changes {
        let (now, way) = (seen(root, &change.path)?, change.way);
        let is_ours = now.is(change.after.as_ref(), way) || now.is(change.before.as_ref(), way);
        if !is_ours && !change.is_touched_only() {
            decision.left.insert(change.path.clone());
        }
        let both = change.before.iter().chain(&change.after);
        let folders = both.clone().count() == 2 && both.clone().all(Node::is_folder);
        if folders && now.node().is_some_and(|now| both.into_iter().all(|node| node.modified != now.modified)) {
            decision.times.insert(change.path.clone());
        }
    }
    Ok(decision)
}

struct WayBack<'a> {
    plan: &'a FilePlan,
    root: &'a Path,
    archive: PathBuf,
    committed: bool,
    decision: Decision,
    reported: Vec<String>,
}

impl WayBack<'_> {
    fn report_left(&mut self) {
        let told = |path: &TreePath| format!("{path} was changed by others since the update; it was left as it is");
        self.reported.extend(self.decision.left.iter().map(told));
    }

    fn is_left(&self, change: &PathChange) -> bool {
        self.decision.left.contains(&change.path)
    }

    /// Looks whether everything that is still needed is as it was archived. What others wrote to it through a file
    /// that they had open, or through another name of it, would come back as if it were old.
    fn check_archive(&mut self) -> Result<(), Failure> {
        let mut damaged = BTreeSet::new();
        for (number, change) in self.plan.changes.iter().enumerate() {
            let Some(before) = change.archived().filter(|_| !self.is_left(change)) else { continue };
            let kept = Node::of(&self.archive.join(number.to_string()))?;
            if kept.node().is_none_or(|kept| !kept.holds_the_same(before)) && !self.is_back(change, before, &kept)? {
                damaged.insert(change.path.clone());
                if kept.node().is_none() {
                    self.decision.left.insert(change.path.clone());
                }
            }
        }
        if damaged.is_empty() {
            return Ok(());
        }
        let what = format!("the archive of {} does not hold what was archived", named(&damaged));
        if self.committed {
            return Err(Failure::new(
                Reason::VaultDamaged,
                format!("{what}: a program wrote to it afterwards, or the disk is damaged; put these back by hand"),
            ));
        }
        self.reported.push(format!("{what}; what it holds was put back"));
        Ok(())
    }

    /// Whether the path was put back already: by content, or by being the archived inode.
    fn is_back(&self, change: &PathChange, before: &Node, kept: &Found) -> Result<bool, Failure> {
        let now = seen(self.root, &change.path)?;
        let same = now.inode().is_some() && now.inode() == kept.inode() && change.inode == now.inode();
        Ok(now.node().is_some_and(|now| now.alike(before, change.way, true)) || (self.committed && same))
    }

    fn run(&mut self) -> Result<(), Failure> {
        let plan = self.plan;
        let folders = plan.changes.iter().filter(|change| !self.is_left(change));
        unlock(self.root, folders)?;
        for (_, change) in plan.children_first() {
            self.sweep(change)?;
            if !self.is_left(change) {
                self.clear(change)?;
            }
        }
        for (number, change) in plan.parents_first() {
            if let Some(before) = change.before.as_ref().filter(|_| !self.is_left(change)) {
                self.put(number, change, before)?;
            }
        }
        for (_, change) in plan.children_first() {
            let before = change.before.as_ref().filter(|before| before.is_folder());
            if let Some(before) = before.filter(|_| !self.is_left(change)) {
                self.dress(change, before)?;
            }
        }
        Ok(())
    }

    /// Removes what an interrupted step left beside the path.
    fn sweep(&self, change: &PathChange) -> Result<(), Failure> {
        if change.path.as_path().as_os_str().is_empty() || through_link(self.root, &change.path).is_some() {
            return Ok(());
        }
        let left = beside(&located(self.root, &change.path)?);
        match disk::remove_if_there(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotADirectory => Err(disk::failure("remove", &left, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes what stands in the way of what was there before, and what was not there.
    fn clear(&mut self, change: &PathChange) -> Result<(), Failure> {
        let now = seen(self.root, &change.path)?;
        let wants_folder = change.before.as_ref().is_some_and(Node::is_folder);
        let in_the_way = change.before.is_none() || wants_folder != now.is_folder();
        if now == Found::Nothing || !in_the_way || change.is_touched_only() {
            return Ok(());
        }
        if self.is_foreign(change, &now) {
            return Ok(());
        }
        let full = located(self.root, &change.path)?;
        failpoint!("files.remove.before");
        let removed = if now.is_folder() { std::fs::remove_dir(&full) } else { std::fs::remove_file(&full) };
        match removed {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                let path = &change.path;
                self.reported.push(format!("{path} was left: it holds files that this update did not bring"));
                self.decision.left.insert(path.clone());
            }
            Err(error) => return Err(disk::failure("remove", &full, &error)),
        }
        failpoint!("files.remove.after");
        Ok(())
    }

    /// Whether others put there what is there, after it was decided what to leave.
    fn is_foreign(&mut self, change: &PathChange, now: &Found) -> bool {
        let ours = now.is_folder()
            || *now == Found::Nothing
            || now.is(change.after.as_ref(), change.way)
            || now.is(change.before.as_ref(), change.way)
            || now.inode().is_some_and(|now| Some(now) == change.inode);
        if self.committed && !ours && self.decision.left.insert(change.path.clone()) {
            let path = &change.path;
            self.reported.push(format!("{path} was changed by others since the update; it was left as it is"));
        }
        self.committed && !ours
    }

    fn put(&mut self, number: usize, change: &PathChange, before: &Node) -> Result<(), Failure> {
        if self.is_left(change) {
            return Ok(());
        }
        let (now, full) = (seen(self.root, &change.path)?, located(self.root, &change.path)?);
        if before.is_folder() && now.is_folder() {
            return Ok(());
        }
        if let Some(why) = self.has_no_place(change, &full)? {
            self.reported.push(format!("{} was not put back: {why}", change.path));
            self.decision.left.insert(change.path.clone());
            return Ok(());
        }
        if before.is_folder() {
            // One that the update only wrote in, and that others removed since, stays away.
            return if self.committed && change.is_touched_only() { Ok(()) } else { make_folder(&full) };
        }
        if self.is_foreign(change, &now) {
            return Ok(());
        }
        let kept = self.archive.join(number.to_string());
        let inode = look(&kept).map_err(|error| disk::failure("look at", &kept, &error))?.map(|kept| kept.stx_ino);
        let is_copy = inode != change.inode;
        let is_done = now.node().is_some_and(|now| now.alike(before, change.way, true));
        if is_done && (is_copy || now.inode() == inode) {
            return Ok(());
        }
        failpoint!("files.back.before");
        bring_back(&kept, &full, change, before, !is_copy && now.inode() == inode)?;
        failpoint!("files.back.after");
        Ok(())
    }

    /// Why nothing can be put at a path: its folder is none.
    fn has_no_place(&self, change: &PathChange, full: &Path) -> Result<Option<String>, Failure> {
        if let Some(link) = through_link(self.root, &change.path) {
            return Ok(Some(format!("its folder {} is a link now", link.display())));
        }
        let folder = full.parent().unwrap_or(full);
        let above = Node::of(folder)?;
        Ok((!above.is_folder()).then(|| format!("its folder {} is gone", folder.display())))
    }

    fn dress(&self, change: &PathChange, before: &Node) -> Result<(), Failure> {
        let full = located(self.root, &change.path)?;
        if through_link(self.root, &change.path).is_some() {
            return Ok(());
        }
        let times = !self.decision.times.contains(&change.path);
        if self.committed && change.is_touched_only() {
            // Nothing but its time was touched; mode and owner may be others by now.
            if let Found::Known(now, _) = Node::of(&full)? {
                let wanted = Node { modified: before.modified, ..now };
                return dress_folder(&full, &wanted, change.way, times);
            }
        }
        dress_folder(&full, before, change.way, times)
    }
}

/// Puts the archived inode back at its path, or a copy where it lies apart.
fn bring_back(kept: &Path, full: &Path, change: &PathChange, before: &Node, is_there: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| disk::failure("put back", full, &error);
    if change.way == Way::Bare {
        return put_copy(kept, full, before, change.way);
    }
    dress(kept, before, change.way, true).map_err(failed)?;
    if is_there {
        return Ok(());
    }
    match put_link(kept, full) {
        Ok(()) => Ok(()),
        Err(error) if lie_apart(&error) => put_copy(kept, full, before, change.way),
        Err(error) => Err(failed(error)),
    }
}
