//! Putting one node at a place: copied with everything about it, dressed, read back.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};
use rustix::fs::{AtFlags, CWD, SeekFrom, Timespec, Timestamps, UTIME_OMIT};

use super::node::{attributes, look, modified};
use super::{Node, NodeKind, PathChange, Way};
use crate::durable::digest_of;
use crate::failpoint;
use crate::host::disk;
use crate::host::tree::TreePath;

/// How often a file on FAT is written until it reads back right.
const TRIES: u32 = 3;

/// Copies `source`, which is as `node` says, to `target`, where nothing may stand. Holes stay holes.
pub(super) fn copy(source: &Path, target: &Path, node: &Node, way: Way) -> io::Result<()> {
    match &node.kind {
        NodeKind::File { .. } => copy_file(source, target)?,
        NodeKind::Link { target: points_to } => std::os::unix::fs::symlink(points_to.as_path(), target)?,
        NodeKind::Fifo => nix::unistd::mkfifo(target, nix::sys::stat::Mode::from_bits_truncate(0o600))?,
        NodeKind::Folder => std::fs::create_dir(target)?,
    }
    dress(target, node, way, true)?;
    match &node.kind {
        NodeKind::File { .. } => disk::open_regular(target, false)?.sync_all(),
        NodeKind::Link { .. } | NodeKind::Fifo | NodeKind::Folder => Ok(()),
    }
}

/// Puts a copy of `source` at `target`: written beside it, synced, renamed. On FAT it is read back first, and written
/// again where it is wrong.
pub(super) fn put_copy(source: &Path, target: &Path, node: &Node, way: Way) -> Result<(), Failure> {
    failpoint!("files.copy.before");
    let temporary = beside(target);
    let tries = if way == Way::Bare { TRIES } else { 1 };
    for attempt in 1..=tries {
        disk::remove_if_there(&temporary)
            .and_then(|()| copy(source, &temporary, node, way))
            .map_err(|error| disk::failure("write", target, &error))?;
        if way != Way::Bare || reads_back(&temporary, node) {
            break;
        }
        if attempt == tries {
            let shown = target.display();
            return Err(Failure::new(
                Reason::State,
                format!("{shown} reads back wrong after {TRIES} writes; replace the card or disk it lies on"),
            ));
        }
    }
    failpoint!("files.copy.after");
    std::fs::rename(&temporary, target).map_err(|error| disk::failure("put in place", target, &error))
}

/// Puts another name of the inode at `source` to `target`.
pub(super) fn put_link(source: &Path, target: &Path) -> io::Result<()> {
    let temporary = beside(target);
    disk::remove_if_there(&temporary)?;
    std::fs::hard_link(source, &temporary)?;
    std::fs::rename(&temporary, target)
}

/// Whether a hard link or a rename failed because the two places are not on one file system, or it has no links.
pub(super) fn lie_apart(error: &io::Error) -> bool {
    use nix::libc::{EMLINK, ENOSYS, EOPNOTSUPP, EPERM, EXDEV};
    error.raw_os_error().is_some_and(|code| [EXDEV, EPERM, EMLINK, EOPNOTSUPP, ENOSYS].contains(&code))
}

/// The name under which something is made before it takes its place.
pub(super) fn beside(target: &Path) -> PathBuf {
    target.with_file_name(disk::TEMPORARY)
}

/// Gives a path the owner, mode, attributes and, where wanted, the time that `node` says.
pub(super) fn dress(path: &Path, node: &Node, way: Way, times: bool) -> io::Result<()> {
    if way == Way::Bare {
        return Ok(());
    }
    let Some(now) = look(path)? else { return Ok(()) };
    if disk::is_root() && (now.stx_uid, now.stx_gid) != (node.uid, node.gid) {
        std::os::unix::fs::lchown(path, Some(node.uid), Some(node.gid))?;
    }
    // After the owner: giving a file away clears its set-user-id bit and its capabilities.
    let is_link = matches!(node.kind, NodeKind::Link { .. });
    if !is_link && look(path)?.is_some_and(|now| u32::from(now.stx_mode) & 0o7777 != node.mode) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(node.mode))?;
    }
    dress_attributes(path, node)?;
    if times && modified(&now) != node.modified {
        set_modified(path, node.modified)?;
    }
    Ok(())
}

/// Sets when a path was last changed.
fn set_modified(path: &Path, (seconds, nanoseconds): (i64, u32)) -> io::Result<()> {
    let left = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let wanted = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let times = Timestamps { last_access: left, last_modification: wanted };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn dress_attributes(path: &Path, node: &Node) -> io::Result<()> {
    let now = attributes(path)?;
    let named = |name: &String| OsString::from(TreePath::from(name.clone()).as_path());
    for name in now.keys().filter(|name| !node.attributes.contains_key(*name)) {
        xattr::remove(path, named(name))?;
    }
    for (name, value) in node.attributes.iter().filter(|(name, value)| now.get(*name) != Some(value)) {
        xattr::set(path, named(name), &bytes_of(value))?;
    }
    Ok(())
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    let mut input = disk::open_regular(source, false)?;
    let mut output = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
    let size = input.metadata()?.len();
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(&input, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole follows.
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(&input, SeekFrom::Hole(data))?;
        rustix::fs::seek(&input, SeekFrom::Start(data))?;
        rustix::fs::seek(&output, SeekFrom::Start(data))?;
        io::copy(&mut Read::by_ref(&mut input).take(end - data), &mut output)?;
        at = end;
    }
    output.flush()?;
    output.set_len(size)?;
    output.sync_all()
}

/// Whether the disk, not the memory of what was written, holds the content.
fn reads_back(path: &Path, node: &Node) -> bool {
    let NodeKind::File { sha256, .. } = &node.kind else { return true };
    let read = || {
        let mut file: File = disk::open_regular(path, false)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        digest_of(&mut file)
    };
    read().is_ok_and(|found| found == *sha256)
}

/// An ordinary user cannot write in a folder of his own that forbids it; what it was is put back at the end.
pub(super) fn unlock<'a>(root: &Path, folders: impl Iterator<Item = &'a PathChange>) -> Result<(), Failure> {
    for change in folders {
        let full = super::node::located(root, &change.path)?;
        unlock_folder(&full).map_err(|error| disk::failure("open the folder", &full, &error))?;
    }
    Ok(())
}

/// Lets its owner write in a folder; root may anyway.
pub(super) fn unlock_folder(full: &Path) -> io::Result<()> {
    let Some(now) = look(full)?.filter(|_| !disk::is_root()) else { return Ok(()) };
    let mode = u32::from(now.stx_mode) & 0o7777;
    if super::node::kind_of(&now).is_dir() && mode & 0o700 != 0o700 {
        std::fs::set_permissions(full, std::fs::Permissions::from_mode(mode | 0o700))?;
    }
    Ok(())
}
