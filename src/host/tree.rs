//! The files that an update may touch besides its packages: what they were, what differs, and putting them back.
//!
//! A tree is a manifest of everything below `/etc`, dpkg's alternatives, diversions and statoverrides, conffiles
//! elsewhere, and the boot partition where the plan touches it. Contents go into the vault. Extended attributes are
//! not kept: nothing that Debian ships below `/etc` has any.

mod measure;
mod path;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use belay_protocol::Sha256;
use serde::{Deserialize, Serialize};

pub(in crate::host) use measure::resolved;
pub use path::TreePath;
pub use restore::{FAILPOINTS, restore};

/// Files that others write all the time. They are not measured and never put back.
pub const LEFT_ALONE: &[(&str, &str)] = &[
    ("etc/.git", "etckeeper's history grows by our own changes; taking it back would lose commits"),
    ("etc/.pwd.lock", "the lock of whoever edits users"),
    ("etc/.updated", "systemd's note of when /etc was last looked at"),
    ("etc/adjtime", "hwclock's measure of this device's clock"),
    ("etc/cups/subscriptions.conf", "cups writes it while it prints"),
    ("etc/cups/subscriptions.conf.O", "cups writes it while it prints"),
    ("etc/fake-hwclock.data", "the time of devices without a clock; taking it back sets them back in time"),
    ("etc/ld.so.cache", "ldconfig makes it from the libraries on the disk"),
    ("etc/lvm/archive", "lvm writes it at each change of its volumes"),
    ("etc/lvm/backup", "lvm writes it at each change of its volumes"),
    ("etc/machine-id", "the device's identity, made at its first boot"),
    ("etc/mtab", "a list of mounts"),
    ("etc/resolv.conf", "the network's answer of this hour"),
];

/// Files whose differences are told, and never put back: a user that was made may own files by now.
pub const ONLY_REPORTED: &[&str] = &[
    "etc/group",
    "etc/group-",
    "etc/gshadow",
    "etc/gshadow-",
    "etc/passwd",
    "etc/passwd-",
    "etc/shadow",
    "etc/shadow-",
    "etc/subgid",
    "etc/subgid-",
    "etc/subuid",
    "etc/subuid-",
];

/// The boot partition: FAT, without owners and modes, and without atomic replacement.
const BOOT: &str = "boot/firmware";

/// Which part of a root is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Folders with everything below them.
    pub folders: Vec<TreePath>,
    /// Single files elsewhere.
    pub files: Vec<TreePath>,
}

/// A manifest of files by their path below the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree {
    /// By path; a folder comes before what it holds.
    pub entries: BTreeMap<TreePath, Entry>,
}

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is and holds.
    #[serde(flatten)]
    pub content: Content,
    /// Permission bits.
    pub mode: u32,
    /// The owning user.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// When it was last changed: seconds since 1970 and nanoseconds.
    pub modified: (i64, u32),
}

/// What a path is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// Its content's digest.
        sha256: Sha256,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link {
        /// Where it points, as it is written.
        target: TreePath,
    },
    /// A fifo, socket or device.
    Other,
}

/// A path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The path.
    pub path: TreePath,
    /// What it was; none where it was not there.
    pub before: Option<Entry>,
    /// What it became; none where it is gone.
    pub after: Option<Entry>,
}

impl Scope {
    /// `/etc` and dpkg's side files; the boot partition where `boot` is set; and `conffiles` (absolute paths) that
    /// lie elsewhere.
    pub fn new(boot: bool, conffiles: impl IntoIterator<Item = TreePath>) -> Self {
        let folders = ["etc", "var/lib/dpkg/alternatives", BOOT];
        let folders: Vec<_> = folders.into_iter().take(if boot { 3 } else { 2 }).map(TreePath::from).collect();
        let files = ["var/lib/dpkg/diversions", "var/lib/dpkg/statoverride"].map(TreePath::from);
        let elsewhere = conffiles.into_iter().filter(|path| !folders.iter().any(|folder| path.is_below(folder)));
        let files: BTreeSet<_> = files.into_iter().chain(elsewhere).collect();
        Self { folders, files: files.into_iter().collect() }
    }
}

impl Scope {
    /// Nothing at all.
    pub fn nothing() -> Self {
        Self { folders: Vec::new(), files: Vec::new() }
    }

    /// These files and folders below `root` as well, each as it is now; one that is not there may become either.
    pub fn with(mut self, root: &Path, paths: &[TreePath]) -> Self {
        for path in paths {
            if self.folders.iter().any(|folder| path.is_below(folder)) {
                continue;
            }
            let is_folder = path.under(root).is_some_and(|full| full.is_dir() || !full.exists());
            if is_folder { self.folders.push(path.clone()) } else { self.files.push(path.clone()) }
        }
        self
    }
}

impl Tree {
    /// The digests of all contents, with their sizes in bytes.
    pub fn contents(&self) -> BTreeMap<Sha256, u64> {
        let file = |entry: &Entry| match entry.content {
            Content::File { size, sha256 } => Some((sha256, size)),
            Content::Folder | Content::Link { .. } | Content::Other => None,
        };
        self.entries.values().filter_map(file).collect()
    }
}

impl Entry {
    /// The digest of its content, where it is a file.
    pub fn digest(&self) -> Option<Sha256> {
        match self.content {
            Content::File { sha256, .. } => Some(sha256),
            Content::Folder | Content::Link { .. } | Content::Other => None,
        }
    }

    fn modified(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.modified;
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let whole = if seconds < 0 { SystemTime::UNIX_EPOCH - whole } else { SystemTime::UNIX_EPOCH + whole };
        whole + Duration::from_nanos(u64::from(nanoseconds))
    }
}

/// Every path at which two trees differ, in order.
pub fn diff(before: &Tree, after: &Tree) -> Vec<Touched> {
    let paths: BTreeSet<_> = before.entries.keys().chain(after.entries.keys()).collect();
    let touched = paths.into_iter().map(|path| Touched {
        path: path.clone(),
        before: before.entries.get(path).cloned(),
        after: after.entries.get(path).cloned(),
    });
    touched.filter(|touched| !same(&touched.path, touched.before.as_ref(), touched.after.as_ref())).collect()
}

/// Whether two entries of one path are equal for undo. Times are not compared: a package installed again gives its
/// files the same content with another time. Modes and owners mean nothing on the boot partition.
pub fn same(path: &TreePath, one: Option<&Entry>, other: Option<&Entry>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    let owner = path.is_below(&TreePath::from(BOOT)) || (one.uid, one.gid) == (other.uid, other.gid);
    let mode =
        path.is_below(&TreePath::from(BOOT)) || matches!(one.content, Content::Link { .. }) || one.mode == other.mode;
    one.content == other.content && owner && mode
}

/// Whether differences at this path are told and never put back.
pub fn only_reported(path: &TreePath) -> bool {
    ONLY_REPORTED.iter().any(|other| *path == TreePath::from(*other))
}

#[cfg(test)]
mod tests;
