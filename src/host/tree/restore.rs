//! Putting paths of a tree back. Every step looks first, so an interrupted restore is simply repeated.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};

use super::measure::look_at;
use super::{BOOT, Content, Entry, Touched, TreePath, same};
use crate::durable::sync_folder;
use crate::failpoint;
use crate::host::disk::{self, Attributes};
use crate::host::vault::{ObjectKind, Vault};

/// The points at which a test can end the process in this file.
pub const FAILPOINTS: &[&str] = &[
    "tree.remove.before",
    "tree.remove.after",
    "tree.file.before",
    "tree.file.after",
    "tree.link.before",
    "tree.link.after",
    "tree.folder.before",
    "tree.folder.after",
];

/// How often a file on the boot partition is written until it reads back right.
const BOOT_TRIES: u32 = 3;

/// Makes each path what it was `before`: files with mode, owner and time, links, folders; what was not there goes.
/// Returns what could not be put back because something of others stands there, one sentence each.
pub fn restore(root: &Path, vault: &Vault, touched: &[Touched]) -> Result<Vec<String>, Failure> {
    let mut ordered: Vec<&Touched> = touched.iter().collect();
    ordered.sort_by(|one, other| one.path.cmp(&other.path));
    let mut reported = Vec::new();
    for touched in ordered.iter().rev() {
        let full = located(root, &touched.path)?;
        if through_link(root, &touched.path).is_none() {
            clear(&full, touched.before.as_ref(), &mut reported)?;
        }
    }
    for Touched { path, before, .. } in &ordered {
        if let Some(wanted) = before {
            match through_link(root, path) {
                Some(link) => {
                    reported.push(format!("{path} was not put back: its folder {} is a link now", link.display()));
                }
                None => put(&located(root, path)?, path, wanted, vault, &mut reported)?,
            }
        }
    }
    // Last, because a folder may forbid writing.
    for Touched { path, before, .. } in ordered.iter().rev() {
        if let Some(wanted) = before.as_ref().filter(|wanted| wanted.content == Content::Folder) {
            finish_folder(&located(root, path)?, path, wanted)?;
        }
    }
    Ok(reported)
}

/// Removes what stands in the way of `wanted`: something of another kind, or anything where nothing was.
fn clear(full: &Path, wanted: Option<&Entry>, reported: &mut Vec<String>) -> Result<(), Failure> {
    let Some(metadata) = disk::absent_is_none(full.symlink_metadata()).unwrap_or(None) else { return Ok(()) };
    let wants_folder = wanted.is_some_and(|wanted| wanted.content == Content::Folder);
    let failed = |error: io::Error| disk::failure("remove", full, &error);
    if metadata.is_dir() && !wants_folder {
        failpoint!("tree.remove.before");
        match std::fs::remove_dir(full) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                reported.push(format!("{} was left: it holds files that this update did not bring", full.display()));
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        }
    } else if !metadata.is_dir() && (wanted.is_none() || wants_folder) {
        failpoint!("tree.remove.before");
        disk::remove_if_there(full).map_err(failed)?;
    } else {
        return Ok(());
    }
    sync_folder(full.parent().unwrap_or(full)).map_err(failed)?;
    failpoint!("tree.remove.after");
    Ok(())
}

fn put(full: &Path, path: &TreePath, wanted: &Entry, vault: &Vault, reported: &mut Vec<String>) -> Result<(), Failure> {
    let now = look_at(full)?;
    if same(path, Some(wanted), now.as_ref()) {
        return Ok(());
    }
    if now.as_ref().is_some_and(|now| now.content == Content::Folder) && wanted.content != Content::Folder {
        reported.push(format!("{path} was not put back: a folder that is not empty stands there now"));
        return Ok(());
    }
    let folder = full.parent().unwrap_or(full);
    std::fs::create_dir_all(folder).map_err(|error| disk::failure("make the folder", folder, &error))?;
    match &wanted.content {
        Content::File { sha256, .. } => {
            failpoint!("tree.file.before");
            let attributes = Attributes {
                mode: wanted.mode,
                owner: Some((wanted.uid, wanted.gid)),
                modified: Some(wanted.modified()),
            };
            if path.is_below(&TreePath::from(BOOT)) {
                write_boot_file(full, sha256, vault)?;
            } else {
                vault.restore_file(sha256, ObjectKind::File, full, attributes)?;
            }
            failpoint!("tree.file.after");
        }
        Content::Link { target } => {
            failpoint!("tree.link.before");
            put_link(full, target.as_path(), wanted)
                .map_err(|error| disk::failure("put back the link", full, &error))?;
            failpoint!("tree.link.after");
        }
        Content::Folder => {
            failpoint!("tree.folder.before");
            let made =
                if now.is_some() { Ok(()) } else { std::fs::create_dir(full).and_then(|()| sync_folder(folder)) };
            made.map_err(|error| disk::failure("make the folder", full, &error))?;
            failpoint!("tree.folder.after");
        }
        Content::Other => reported.push(format!("{path} was not put back: it was no file, folder or link")),
    }
    Ok(())
}

fn put_link(full: &Path, target: &Path, wanted: &Entry) -> io::Result<()> {
    let folder = full.parent().unwrap_or(full);
    let temporary = folder.join(disk::TEMPORARY);
    disk::remove_if_there(&temporary)?;
    std::os::unix::fs::symlink(target, &temporary)?;
    if disk::is_root() {
        std::os::unix::fs::lchown(&temporary, Some(wanted.uid), Some(wanted.gid))?;
    }
    std::fs::rename(&temporary, full)?;
    sync_folder(folder)
}

/// FAT knows no owners, no modes and no atomic replacement: written, synced, read back, and written again if wrong.
fn write_boot_file(full: &Path, sha256: &belay_protocol::Sha256, vault: &Vault) -> Result<(), Failure> {
    for _ in 0..BOOT_TRIES {
        vault.restore_file(sha256, ObjectKind::File, full, Attributes::mode(0o755))?;
        if crate::durable::digest_of_file(full).is_ok_and(|found| found == *sha256) {
            return Ok(());
        }
    }
    Err(Failure::new(
        Reason::State,
        format!("{} reads back wrong after {BOOT_TRIES} writes; replace the card or disk it lies on", full.display()),
    ))
}

fn finish_folder(full: &Path, path: &TreePath, wanted: &Entry) -> Result<(), Failure> {
    let Some(now) = look_at(full)?.filter(|now| now.content == Content::Folder) else { return Ok(()) };
    if same(path, Some(wanted), Some(&now)) {
        return Ok(());
    }
    failpoint!("tree.folder.before");
    let owner = if disk::is_root() { Some((wanted.uid, wanted.gid)) } else { None };
    owner
        .map_or(Ok(()), |(user, group)| std::os::unix::fs::lchown(full, Some(user), Some(group)))
        .and_then(|()| std::fs::set_permissions(full, Permissions::from_mode(wanted.mode)))
        .and_then(|()| sync_folder(full.parent().unwrap_or(full)))
        .map_err(|error| disk::failure("put back mode and owner of", full, &error))?;
    failpoint!("tree.folder.after");
    Ok(())
}

fn located(root: &Path, path: &TreePath) -> Result<PathBuf, Failure> {
    path.under(root).ok_or_else(|| {
        Failure::new(Reason::VaultDamaged, format!("the restore point names {path}, which is no path below the root"))
    })
}

/// The folder on the way to `path` that is a link; writing there would change another place.
fn through_link(root: &Path, path: &TreePath) -> Option<PathBuf> {
    let folder = path.as_path().parent()?;
    let folders = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    folders.map(|folder| root.join(folder)).find(|folder| folder.is_symlink())
}
