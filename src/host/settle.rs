//! After the inverse transaction: what packages alone do not put back.
//!
//! Files, selections, stanzas that no dpkg command can bring about, automatic marks, the rollback file. Every piece
//! looks first and writes atomically, so all of it can be interrupted anywhere and repeated.

mod alternatives;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use belay_protocol::{Failure, PackageId};

use super::device::{Device, Mend, PackageRef};
use super::disk;
use super::restore_point::{CapturedPackage, RestorePoint, Stored, Undoing};
use super::rollback_file;
use super::tree::{self, Scope, Touched, Tree, same};
use super::undo::{Paths, Target, is_right, targets, wanted_paths};
use super::vault::Vault;
use crate::failpoint;

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &[
    "settle.journal.before",
    "settle.journal.after",
    "settle.tree.before",
    "settle.tree.after",
    "settle.selections.before",
    "settle.selections.after",
    "settle.status.before",
    "settle.status.after",
    "settle.rollback_file.before",
    "settle.rollback_file.after",
];

/// A way back to what the oldest of these points found.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a device cannot be shown")]
pub struct Settling<'a> {
    /// The device.
    pub device: &'a dyn Device,
    /// Where file contents are kept.
    pub vault: &'a Vault,
    /// The restore points on the way, newest first.
    pub points: &'a [&'a Stored],
    /// Where the rollback file lies.
    pub rollback_file: &'a Path,
}

impl Settling<'_> {
    /// Fixes which paths will go back. Call it before the inverse transaction: afterwards nobody can tell what that
    /// changed from what others did. Called again for the same way back, the first answer stays.
    pub fn prepare(&self) -> Result<(), Failure> {
        let Some(newest) = self.committed_newest() else { return Ok(()) };
        if self.recorded().is_some() {
            return Ok(());
        }
        let paths = wanted_paths(self.points, &self.measure()?);
        newest.begin_undo(&Undoing { points: self.ids(), targets: paths.targets, drift: paths.reported })
    }

    /// Puts back everything that packages alone do not. Returns what stays different and why, one sentence each.
    pub fn settle(&self) -> Result<Vec<String>, Failure> {
        self.settle_journal()?;
        let mut reported = self.settle_tree()?;
        self.settle_selections()?;
        self.settle_database()?;
        self.clear_temporaries()?;
        if let Some(oldest) = self.points.last() {
            failpoint!("settle.rollback_file.before");
            rollback_file::put(self.rollback_file, oldest.point.rollback_file.as_deref())?;
            failpoint!("settle.rollback_file.after");
        }
        let seen: BTreeSet<String> = reported.drain(..).collect();
        Ok(seen.into_iter().collect())
    }

    /// The paths that go back, as [`Settling::prepare`] fixed them or, for an open update, as they differ just now.
    pub fn paths(&self, now: &Tree) -> Paths {
        self.recorded().unwrap_or_else(|| wanted_paths(self.points, now))
    }

    /// The files as they are now, as far as any of the points captured them.
    pub fn measure(&self) -> Result<Tree, Failure> {
        let scopes = || self.points.iter().map(|stored| &stored.point.scope);
        let folders: BTreeSet<_> = scopes().flat_map(|scope| &scope.folders).cloned().collect();
        let files: BTreeSet<_> = scopes().flat_map(|scope| &scope.files).cloned().collect();
        let scope = Scope { folders: folders.into_iter().collect(), files: files.into_iter().collect() };
        Tree::measure(self.device.root(), &scope)
    }

    /// Lets dpkg fold in and clear away what a killed dpkg left in its journal folder, also where every package is right
    /// already: stanzas are not patched over a pending journal, and its scratch file was not there before. Neither was the
    /// folder with the control files of the package that it had begun with.
    fn settle_journal(&self) -> Result<(), Failure> {
        let dpkg = self.device.root().join("var/lib/dpkg");
        let (pending, begun) = (!disk::names_in(&dpkg.join("updates"))?.is_empty(), dpkg.join("tmp.ci"));
        if !pending && !begun.exists() {
            return Ok(());
        }
        let _guard = self.device.lock()?;
        failpoint!("settle.journal.before");
        if pending {
            self.device.mend(&Mend::Select(Vec::new()))?;
        }
        disk::remove_folder(&begun)?;
        failpoint!("settle.journal.after");
        Ok(())
    }

    /// Removes files of ours that were cut off before they took their place, where nothing is written a second time.
    fn clear_temporaries(&self) -> Result<(), Failure> {
        for folder in ["var/lib/apt", "var/lib/dpkg", "var/lib/dpkg/info"] {
            let path = self.device.root().join(folder).join(disk::TEMPORARY);
            disk::remove_if_there(&path).map_err(|error| disk::failure("remove", &path, &error))?;
        }
        Ok(())
    }

    fn settle_tree(&self) -> Result<Vec<String>, Failure> {
        let now = self.measure()?;
        let paths = self.paths(&now);
        let touched: Vec<Touched> = paths
            .targets
            .into_iter()
            .map(|(path, before)| Touched { after: now.entries.get(&path).cloned(), path, before })
            .filter(|touched| !same(&touched.path, touched.before.as_ref(), touched.after.as_ref()))
            .collect();
        failpoint!("settle.tree.before");
        alternatives::restore_links(self.device.root(), self.vault, &touched)?;
        let stuck = tree::restore(self.device.root(), self.vault, &touched)?;
        failpoint!("settle.tree.after");
        Ok(paths.reported.into_iter().chain(stuck).collect())
    }

    fn settle_selections(&self) -> Result<(), Failure> {
        let inventory = self.device.inventory()?;
        let mut selections = Vec::new();
        for (package, (_, captured)) in targets(&self.restore_points()) {
            let now = inventory.packages.get(&package);
            if let (Some(old), Some(now)) = (&captured.old, now)
                && is_right(Some(old), Some(now))
                && old.want != now.want
                && old.want != "unknown"
            {
                selections.push((PackageRef { package, architecture: now.architecture.clone() }, old.want.clone()));
            }
        }
        if !selections.is_empty() {
            failpoint!("settle.selections.before");
            self.device.mend(&Mend::Select(selections))?;
            failpoint!("settle.selections.after");
        }
        Ok(())
    }

    /// Stanzas and marks: only of packages whose files are right, for a stanza must not claim what is not so.
    fn settle_database(&self) -> Result<(), Failure> {
        let _guard = self.device.lock()?;
        let inventory = self.device.inventory()?;
        let mut by_point: BTreeMap<usize, Vec<(PackageId, &CapturedPackage)>> = BTreeMap::new();
        let restore_points = self.restore_points();
        for (package, (at, captured)) in targets(&restore_points) {
            if is_right(captured.old.as_ref(), inventory.packages.get(&package)) {
                by_point.entry(at).or_default().push((package, captured));
            }
        }
        failpoint!("settle.status.before");
        for (at, packages) in by_point {
            let database = self.points[at].database(self.device.root(), self.device.architecture());
            for (package, captured) in &packages {
                match Target::of(captured.old.as_ref()) {
                    // dpkg goes on listing a conffile that only the version had which went.
                    Target::ConfigFiles | Target::Installed(_) => database.restore_info_of(package)?,
                    Target::Absent => {}
                }
            }
            let expressible = |captured: &CapturedPackage| {
                // A state in between says what dpkg still had to do then; it has done it now.
                captured.old.as_ref().is_none_or(|old| {
                    old.is_installed() || matches!(Target::of(Some(old)), Target::ConfigFiles | Target::Absent)
                })
            };
            let named: Vec<PackageId> = packages
                .iter()
                .filter(|(_, captured)| expressible(captured))
                .map(|(package, _)| package.clone())
                .collect();
            database.patch_status(&named)?;
            let all: Vec<PackageId> = packages.into_iter().map(|(package, _)| package).collect();
            database.patch_marks(&all)?;
        }
        failpoint!("settle.status.after");
        Ok(())
    }

    /// What [`Settling::prepare`] recorded for this way back. A damaged record is made anew.
    fn recorded(&self) -> Option<Paths> {
        let undoing = self.committed_newest()?.undoing().ok()??;
        (undoing.points == self.ids()).then_some(Paths { targets: undoing.targets, reported: undoing.drift })
    }

    fn committed_newest(&self) -> Option<&Stored> {
        self.points.first().filter(|stored| stored.commit.is_some()).copied()
    }

    fn ids(&self) -> Vec<u64> {
        self.points.iter().map(|stored| stored.point.id).collect()
    }

    fn restore_points(&self) -> Vec<&RestorePoint> {
        self.points.iter().map(|stored| &stored.point).collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
