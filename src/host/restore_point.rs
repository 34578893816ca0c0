//! Restore points: everything that one update's undo needs, on the disk before the update starts.
//!
//! `restore-points/NNNN/` holds `point.json`, `database/`, `reserve`, and later `committed.json` or `undone.json`.
//! A folder of that name is complete: it is built under another one and renamed at the end.

mod capture;
mod inspect;
mod retention;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use belay_protocol::health::Vitals;
use belay_protocol::job::{Generation, JobId};
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Reason, Sha256, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundle::files;
use super::database::{Database, Suspect};
use super::device::{ArchiveSource, PackageRecord};
use super::disk;
use super::ledger::BundlePart;
use super::sealed::{seal, unseal};
use super::tree::{Scope, Touched, Tree, TreePath};
use super::vault::Imported;
use crate::durable;
use crate::failpoint;

pub use capture::{Captured, Context, capture};
pub use inspect::{verify, views};
pub use retention::{Weight, keep, weigh};

/// The points at which a test can end the process in this file and those below it.
pub const FAILPOINTS: &[&str] = &[
    "restore_point.build.before",
    "restore_point.build.after",
    "restore_point.reserve.before",
    "restore_point.reserve.after",
    "restore_point.release.before",
    "restore_point.release.after",
    "restore_point.commit.before",
    "restore_point.commit.after",
    "restore_point.undoing.before",
    "restore_point.undoing.after",
    "restore_point.undone.before",
    "restore_point.undone.after",
    "restore_point.remove.before",
    "restore_point.remove.after",
];

/// What undo needs, taken before a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// Its number: the generation whose undo it holds.
    pub id: u64,
    /// The job that took it.
    pub job: JobId,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The packages asked for.
    pub request: PackageList,
    /// The generation that was in force.
    pub parent: Generation,
    /// Every package that the plan changes, with its old state.
    pub packages: Vec<CapturedPackage>,
    /// Which files were captured.
    pub scope: Scope,
    /// The files before the change.
    pub tree: Tree,
    /// The device's health before the change.
    pub vitals: Vitals,
    /// The rollback file before the change; none where there was none.
    pub rollback_file: Option<String>,
    /// Digest of dpkg's status file before the change.
    pub status: Sha256,
    /// Digest of the copy of dpkg's database.
    pub database: Sha256,
    /// The copy of this program that recovery runs from.
    pub program: Option<Imported>,
    /// The bundle that the update installs, and how that is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundlePart>,
    /// Size of the ballast file whose removal makes room for undo, in bytes.
    pub reserve_bytes: u64,
}

/// One package that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedPackage {
    /// The package.
    pub package: PackageId,
    /// The architecture of its old version; of its new one where there was none.
    pub architecture: Architecture,
    /// What dpkg's database said of it; none where it was not known.
    pub old: Option<PackageRecord>,
    /// Whether it was marked as automatically installed.
    pub automatic: bool,
    /// The .deb of its old version; none where there was none, or where it could not be had.
    pub deb: Option<HeldArchive>,
    /// What the plan installs; none for a removal.
    pub new: Option<NewArchive>,
}

/// The .deb of an old version, as the vault holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldArchive {
    /// Its digest.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// The package's version.
    pub version: Version,
    /// The package's architecture.
    pub architecture: Architecture,
    /// Where it was had from.
    pub source: ArchiveSource,
}

/// A .deb that the plan installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewArchive {
    /// Its digest according to the signed index.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// The package's version.
    pub version: Version,
    /// The package's architecture.
    pub architecture: Architecture,
}

/// What an update left when it was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The generation that it became.
    pub generation: Generation,
    /// When.
    pub committed_at: Timestamp,
    /// Every path that the update touched.
    pub touched: Vec<Touched>,
    /// The rollback file's new text.
    pub rollback_file: Option<String>,
    /// The plan's packages afterwards; none for one that the database does not know any more.
    pub packages: BTreeMap<PackageId, Option<PackageRecord>>,
    /// Which of them are marked as automatically installed.
    pub automatic: BTreeSet<PackageId>,
}

/// The mark of a restore point that was gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneMark {
    /// The job that went back.
    pub job: JobId,
    /// When.
    pub at: Timestamp,
}

/// The paths that a way back will restore, fixed before it begins: afterwards nobody can tell what our own
/// transaction changed from what others did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoing {
    /// The restore points on the way, newest first.
    pub points: Vec<u64>,
    /// What each path will be.
    pub targets: BTreeMap<TreePath, Option<super::tree::Entry>>,
    /// Paths that others changed and that stay, one sentence each.
    pub drift: Vec<String>,
}

/// A restore point on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its folder.
    pub folder: PathBuf,
    /// Itself.
    pub point: RestorePoint,
    /// What its update left; none while it is open.
    pub commit: Option<Commit>,
    /// Whether it was gone back to.
    pub undone: Option<UndoneMark>,
}

/// All restore points of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can be read, newest first.
    pub points: Vec<Stored>,
    /// Those that cannot, by number, with the reason.
    pub damaged: Vec<(u64, Failure)>,
}

impl RestorePoint {
    /// Every object of the vault that this point needs, with its size in bytes.
    pub fn objects(&self) -> BTreeMap<Sha256, u64> {
        let old = self.packages.iter().filter_map(|package| package.deb.as_ref()).map(|deb| (deb.sha256, deb.size));
        // The new .debs are what the next update's undo will install.
        let new = self.packages.iter().filter_map(|package| package.new.as_ref()).map(|new| (new.sha256, new.size));
        let program = self.program.iter().map(|program| (program.sha256, program.size));
        self.tree.contents().into_iter().chain(old).chain(new).chain(program).collect()
    }

    /// What the transaction may have left half-way, for a status file that is lost.
    pub fn suspects(&self) -> Vec<Suspect> {
        let suspect = |package: &CapturedPackage| {
            let new = package.new.as_ref().map(|new| (new.version.clone(), new.architecture.clone()));
            let old = || Some((package.old.as_ref()?.version.clone()?, package.architecture.clone()));
            let (version, architecture) = new.or_else(old)?;
            Some(Suspect { package: package.package.clone(), architecture, version })
        };
        self.packages.iter().filter_map(suspect).collect()
    }
}

impl Stored {
    /// The copy of dpkg's database that this point holds.
    pub fn database<'a>(&self, root: &'a Path, native: &'a Architecture) -> Database<'a> {
        Database { root, copy: self.folder.join("database"), expected: Some(self.point.database), native }
    }

    /// Removes the ballast, so that undo has room on a full disk.
    pub fn release_reserve(&self) -> Result<(), Failure> {
        failpoint!("restore_point.release.before");
        let path = self.folder.join("reserve");
        durable::remove(&path).map_err(|error| disk::failure("remove", &path, &error))?;
        failpoint!("restore_point.release.after");
        Ok(())
    }

    /// Records that the update is proven good, and gives the ballast back.
    pub fn commit(&mut self, commit: Commit) -> Result<(), Failure> {
        failpoint!("restore_point.commit.before");
        seal(&self.folder.join("committed.json"), &commit)?;
        failpoint!("restore_point.commit.after");
        self.commit = Some(commit);
        self.release_reserve()
    }

    /// Records which paths a way back will restore.
    pub fn begin_undo(&self, undoing: &Undoing) -> Result<(), Failure> {
        failpoint!("restore_point.undoing.before");
        seal(&self.folder.join("undoing.json"), undoing)?;
        failpoint!("restore_point.undoing.after");
        Ok(())
    }

    /// What [`Stored::begin_undo`] recorded.
    pub fn undoing(&self) -> Result<Option<Undoing>, Failure> {
        unseal(&self.folder.join("undoing.json"))
    }

    /// Records that the device went back to this point.
    pub fn mark_undone(&mut self, mark: UndoneMark) -> Result<(), Failure> {
        failpoint!("restore_point.undone.before");
        seal(&self.folder.join("undone.json"), &mark)?;
        failpoint!("restore_point.undone.after");
        self.undone = Some(mark);
        self.abandon_undo()?;
        // Nobody goes back to it again, and what it replaced is in its place.
        disk::remove_folder(&self.folder.join(files::ARCHIVE))?;
        self.release_reserve()
    }

    /// Forgets what [`Stored::begin_undo`] recorded: for a way back that was given up before it changed anything.
    pub fn abandon_undo(&self) -> Result<(), Failure> {
        for name in ["undoing.json", files::DECISION] {
            let path = self.folder.join(name);
            durable::remove(&path).map_err(|error| disk::failure("remove", &path, &error))?;
        }
        Ok(())
    }
}

/// Reads one restore point. Fails with `vault_damaged` where it is missing or damaged.
pub fn load(folder: &Path, id: u64) -> Result<Stored, Failure> {
    let folder = folder.join(name_of(id));
    let missing = || Failure::new(Reason::VaultDamaged, format!("the restore point {} is missing", folder.display()));
    let point: RestorePoint = unseal(&folder.join("point.json"))?.ok_or_else(missing)?;
    if point.id != id {
        let message = format!("{} holds restore point {}, not {id}; it was moved there", folder.display(), point.id);
        return Err(Failure::new(Reason::VaultDamaged, message));
    }
    let commit = unseal(&folder.join("committed.json"))?;
    let undone = unseal(&folder.join("undone.json"))?;
    Ok(Stored { folder, point, commit, undone })
}

/// Reads all restore points.
pub fn list(folder: &Path) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    for name in disk::names_in(folder)?.into_iter().rev() {
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()).filter(|id| *name_of(*id) == *name) else {
            continue;
        };
        match load(folder, id) {
            Ok(stored) => listing.points.push(stored),
            Err(failure) => listing.damaged.push((id, failure)),
        }
    }
    listing.points.sort_by_key(|stored| std::cmp::Reverse(stored.point.id));
    Ok(listing)
}

/// Removes a restore point. It is gone at once, or after the next [`remove_leftovers`].
pub fn remove(folder: &Path, id: u64) -> Result<(), Failure> {
    let path = folder.join(name_of(id));
    let gone = folder.join(format!(".{}.gone", name_of(id)));
    disk::remove_folder(&gone)?;
    failpoint!("restore_point.remove.before");
    let renamed = disk::absent_is_none(std::fs::rename(&path, &gone)).and_then(|_| durable::sync_folder(folder));
    renamed.map_err(|error| disk::failure("remove", &path, &error))?;
    failpoint!("restore_point.remove.after");
    disk::remove_folder(&gone)
}

/// Removes what an interrupted capture or removal left.
pub fn remove_leftovers(folder: &Path) -> Result<(), Failure> {
    for name in disk::names_in(folder)? {
        let ours = |name: &str| name.starts_with('.') && (name.ends_with(".new") || name.ends_with(".gone"));
        if name.to_str().is_some_and(ours) {
            disk::remove_folder(&folder.join(name))?;
        }
    }
    Ok(())
}

/// The name of a restore point's folder: its number with at least four digits.
pub fn name_of(id: u64) -> String {
    format!("{id:04}")
}

#[cfg(test)]
mod tests;
