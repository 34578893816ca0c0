//! Looking at one path: what it is and everything about it, links never followed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};
use rustix::fs::{AtFlags, CWD, FileType, Statx, StatxAttributes, StatxFlags, statx};

use super::{Node, NodeKind, Way};
use crate::durable::digest_of;
use crate::host::disk;
use crate::host::tree::TreePath;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// Something that can be captured, and its inode.
    Known(Node, u64),
    /// A socket, a device, or something else that cannot.
    Other,
}

impl Found {
    pub(super) fn node(&self) -> Option<&Node> {
        match self {
            Self::Known(node, _) => Some(node),
            Self::Nothing | Self::Other => None,
        }
    }

    pub(super) fn inode(&self) -> Option<u64> {
        match self {
            Self::Known(_, inode) => Some(*inode),
            Self::Nothing | Self::Other => None,
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.node().is_some_and(Node::is_folder)
    }

    /// Whether this is what `wanted` says, times of folders and files aside.
    pub(super) fn is(&self, wanted: Option<&Node>, way: Way) -> bool {
        match (self, wanted) {
            (Self::Nothing, None) => true,
            (Self::Known(node, _), Some(wanted)) => node.alike(wanted, way, false),
            (Self::Nothing | Self::Known(..), _) | (Self::Other, _) => false,
        }
    }
}

impl Node {
    /// Looks at a path with its content.
    pub(super) fn of(path: &Path) -> Result<Found, Failure> {
        let failed = |error: io::Error| disk::failure("look at", path, &error);
        let Some(seen) = look(path).map_err(failed)? else { return Ok(Found::Nothing) };
        let kind = match kind_of(&seen) {
            FileType::RegularFile => {
                let read = disk::open_regular(path, false).and_then(|mut file| digest_of(&mut file));
                NodeKind::File { size: seen.stx_size, sha256: read.map_err(failed)?, same_as: None }
            }
            FileType::Directory => NodeKind::Folder,
            FileType::Symlink => NodeKind::Link { target: TreePath::new(std::fs::read_link(path).map_err(failed)?) },
            FileType::Fifo => NodeKind::Fifo,
            FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
                return Ok(Found::Other);
            }
        };
        let node = Self {
            kind,
            mode: u32::from(seen.stx_mode) & 0o7777,
            uid: seen.stx_uid,
            gid: seen.stx_gid,
            modified: modified(&seen),
            attributes: attributes(path).map_err(failed)?,
        };
        Ok(Found::Known(node, seen.stx_ino))
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == NodeKind::Folder
    }

    /// Its size in bytes, where it is a file.
    pub(super) fn size(&self) -> u64 {
        match self.kind {
            NodeKind::File { size, .. } => size,
            NodeKind::Folder | NodeKind::Link { .. } | NodeKind::Fifo => 0,
        }
    }

    /// Whether kind and content are equal.
    pub(super) fn holds_the_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (NodeKind::File { sha256: one, .. }, NodeKind::File { sha256: other, .. }) => one == other,
            (NodeKind::File { .. } | NodeKind::Folder | NodeKind::Link { .. } | NodeKind::Fifo, _) => {
                self.kind == other.kind
            }
        }
    }

    /// Whether two nodes of one path are equal, with or without their times. An ordinary user's tree is all his own,
    /// so owners count for root alone.
    pub(super) fn alike(&self, other: &Self, way: Way, times: bool) -> bool {
        let mode = matches!(self.kind, NodeKind::Link { .. }) || self.mode == other.mode;
        let owner = !disk::is_root() || (self.uid, self.gid) == (other.uid, other.gid);
        let time = !times || self.modified == other.modified;
        self.holds_the_same(other)
            && (way == Way::Bare || (mode && owner && time && self.attributes == other.attributes))
    }
}

/// The facts of a path; none where it is not there.
pub(super) fn look(path: &Path) -> io::Result<Option<Statx>> {
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) {
        Ok(seen) => Ok(Some(seen)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn kind_of(seen: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(seen.stx_mode))
}

pub(super) fn modified(seen: &Statx) -> (i64, u32) {
    (seen.stx_mtime.tv_sec, seen.stx_mtime.tv_nsec)
}

pub(super) fn changed(seen: &Statx) -> (i64, u32) {
    (seen.stx_ctime.tv_sec, seen.stx_ctime.tv_nsec)
}

/// The file system that a path lies on.
pub(super) fn device(seen: &Statx) -> (u32, u32) {
    (seen.stx_dev_major, seen.stx_dev_minor)
}

pub(super) fn has(seen: &Statx, attributes: StatxAttributes) -> bool {
    seen.stx_attributes.intersects(attributes)
}

/// The prefixes of attributes that overlayfs keeps for itself.
const OVERLAY: [&str; 2] = ["trusted.overlay.", "user.overlay."];

/// Overlay's attribute of that short name.
pub(super) fn overlay_attribute(path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    for prefix in OVERLAY {
        let value = readable(xattr::get(path, format!("{prefix}{name}")))?.flatten();
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

/// Takes overlay's own attributes off.
pub(super) fn strip(path: &Path) -> io::Result<()> {
    for name in names(path)? {
        if is_overlays(&name) {
            xattr::remove(path, &name)?;
        }
    }
    Ok(())
}

/// Extended attributes by name, hex, without overlay's own. Names that are no UTF-8 are written as paths are.
pub(super) fn attributes(path: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in names(path)?.into_iter().filter(|name| !is_overlays(name)) {
        if let Some(value) = readable(xattr::get(path, &name))?.flatten() {
            let value = value.iter().map(|byte| format!("{byte:02x}")).collect();
            found.insert(String::from(TreePath::new(PathBuf::from(name))), value);
        }
    }
    Ok(found)
}

fn names(path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    Ok(readable(xattr::list(path))?.into_iter().flatten().collect())
}

fn is_overlays(name: &OsStr) -> bool {
    OVERLAY.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

/// Some file systems have no attributes, and an ordinary user may not read all of them.
fn readable<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !disk::is_root() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a path of a plan lies on the disk; the empty one is the root itself.
pub(super) fn located(root: &Path, path: &TreePath) -> Result<PathBuf, Failure> {
    if path.as_path().as_os_str().is_empty() {
        return Ok(root.to_owned());
    }
    path.under(root).ok_or_else(|| {
        Failure::new(Reason::VaultDamaged, format!("the restore point names {path}, which is no path below the root"))
    })
}

/// The folder on the way to `path` that is a link; writing there would change another place.
pub(super) fn through_link(root: &Path, path: &TreePath) -> Option<PathBuf> {
    let folder = path.as_path().parent()?;
    let folders = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    folders.map(|folder| root.join(folder)).find(|folder| folder.is_symlink())
}

/// What stands at a path of a plan; nothing where the way to it leads through a link.
pub(super) fn seen(root: &Path, path: &TreePath) -> Result<Found, Failure> {
    if through_link(root, path).is_some() { Ok(Found::Nothing) } else { Node::of(&located(root, path)?) }
}
