//! What lies under the host: a root with a package database and something that installs on it.
//!
//! `AptDevice` is the real one. Tests have one in memory that models dpkg's states, so that a crash can be tried at
//! every step; its model is held against transcripts of real runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use belay_protocol::plan::Change;
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Sha256, Version};
use serde::{Deserialize, Serialize};

/// A root with a package database and something that installs on it.
pub trait Device: Send + Sync {
    /// The root's path; conffiles and dpkg's database lie below it.
    fn root(&self) -> &Path;

    /// The device's own architecture.
    fn architecture(&self) -> &Architecture;

    /// Every package that the database knows, with its exact tier.
    fn inventory(&self) -> Result<Inventory, Failure>;

    /// Digest of dpkg's status file.
    fn status_digest(&self) -> Result<Sha256, Failure>;

    /// Resolves a list against the device's sources, on private lists. Changes nothing.
    fn resolve(&self, list: &PackageList, progress: &dyn Fn(f32, &str)) -> Result<Vec<Change>, Failure>;

    /// Fetches the .debs of these changes and hands each over once; the file is the caller's to copy, hash and judge.
    fn fetch(
        &self,
        changes: &[Change],
        take: &mut dyn FnMut(&Change, &Path) -> Result<(), Failure>,
        progress: &dyn Fn(f32, &str),
    ) -> Result<(), Failure>;

    /// Finds or rebuilds the .deb of an installed package, in `scratch` or wherever it lies.
    fn archive_of(&self, package: &PackageRecord, scratch: &Path) -> Result<(PathBuf, ArchiveSource), Failure>;

    /// What a .deb ships, compared with what lies on the root.
    fn contents(&self, archive: &Path) -> Result<Vec<ShippedPath>, Failure>;

    /// Carries out one transaction on the database.
    fn transact(&self, transaction: &Transaction, progress: &dyn Fn(f32, &str)) -> Result<(), TransactError>;

    /// Runs one maintenance step of the recovery ladder.
    fn mend(&self, mend: &Mend) -> Result<(), Failure>;

    /// Makes a transaction that was begun before and has not started dpkg yet fail at its last check.
    fn call_off(&self) -> Result<(), Failure>;

    /// Waits until no other package manager runs, then keeps them out until the returned guard is dropped.
    fn lock(&self) -> Result<Box<dyn Send>, Failure>;

    /// What `dpkg --audit` complains of, one package a line.
    fn audit(&self) -> Result<Vec<String>, Failure>;

    /// What names the boot that the device is in: another text after each start.
    fn boot_id(&self) -> Result<String, Failure>;

    /// Why packages or somebody else want the device started again; none where nobody does.
    fn reboot_wanted(&self) -> Option<String>;

    /// Starts the device again. Returns when that is on its way.
    fn reboot(&self) -> Result<(), Failure>;

    /// What a person should know of the device before an update: hooks, pins, unsafe settings. One sentence each.
    fn preflight(&self) -> Vec<String>;
}

/// Every package that the database knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// By identity.
    pub packages: BTreeMap<PackageId, PackageRecord>,
    /// Packages marked as automatically installed.
    pub automatic: BTreeSet<PackageId>,
}

/// One package in the database: the exact tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// The package.
    pub package: PackageId,
    /// Its architecture, `all` included.
    pub architecture: Architecture,
    /// Its version; none for a name that the database knows but never installed.
    pub version: Option<Version>,
    /// dpkg's want: `install`, `hold`, `deinstall`, `purge`, `unknown`.
    pub want: String,
    /// dpkg's error flag: `ok`, `reinstreq`.
    pub flag: String,
    /// dpkg's status: `installed`, `config-files`, `half-installed`, `unpacked`, `half-configured`, `triggers-awaited`, `triggers-pending`, `not-installed`.
    pub status: String,
    /// Its conffiles with the digests that dpkg remembers, in dpkg's words, a line each.
    pub conffiles: Vec<String>,
    /// Kilobytes that it says it takes on the disk.
    pub installed_kib: u64,
    /// Whether dpkg holds it to be essential.
    pub essential: bool,
}

impl PackageRecord {
    /// Whether its files are on the disk and configured.
    pub fn is_installed(&self) -> bool {
        self.status == "installed" && self.flag == "ok"
    }
}

/// A path that a .deb ships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedPath {
    /// The path on the device, absolute.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it lies on the root exactly as the .deb ships it.
    pub as_shipped: bool,
}

/// Where a .deb of an installed version was had from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveSource {
    /// The vault had it.
    Vault,
    /// apt's own cache had it.
    Cache,
    /// The archive still had that exact version.
    Archive,
    /// It was rebuilt from the files on the disk.
    Rebuilt,
}

/// One transaction on the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// .debs to install, each with what it must be.
    pub install: Vec<Archive>,
    /// Packages to remove, configuration kept.
    pub remove: Vec<PackageRef>,
    /// Packages to purge.
    pub purge: Vec<PackageRef>,
    /// dpkg's status must have this digest when the lock is held; not checked where there is none.
    pub status: Option<Sha256>,
    /// By which means, and how strictly.
    pub rung: Rung,
}

/// A .deb with what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: Version,
    /// The architecture.
    pub architecture: Architecture,
    /// The file.
    pub path: PathBuf,
    /// Its digest, checked again right before dpkg reads it.
    pub sha256: Sha256,
}

/// A package as dpkg is told of it, unambiguous where several architectures are installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRef {
    /// The package.
    pub package: PackageId,
    /// Its architecture, `all` included.
    pub architecture: Architecture,
}

/// By which means a transaction is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// One apt call with the device's own hooks; exactly the named packages, or nothing.
    Apply,
    /// One apt call under our own configuration: no hooks, no pins, downgrades and held packages allowed.
    Apt,
    /// dpkg with named forces, for when apt cannot.
    Dpkg,
}

/// A maintenance step of the recovery ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mend {
    /// Replaces a maintainer script on the disk by one that does nothing.
    Neutralise {
        /// The package.
        package: PackageRef,
        /// `prerm`, `postrm`, `preinst` or `postinst`.
        script: String,
    },
    /// Unpacks a .deb's files over the root without dpkg.
    Unpack(Archive),
    /// Sets dpkg's selections (holds). With none, dpkg only folds in what an interrupted run left in its journal.
    Select(Vec<(PackageRef, String)>),
}

/// How a transaction failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactError {
    /// Before anything was changed.
    Untouched(Failure),
    /// When something may have been changed.
    Touched {
        /// What the tool said.
        failure: Failure,
        /// The maintainer script that stopped it, where one did: package and script.
        script: Option<(PackageId, String)>,
    },
}
