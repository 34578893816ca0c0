//! What an interrupted dpkg leaves on the disk and no later run takes away: files of a version that is no longer
//! there, and files on their way (`.dpkg-new`, `.dpkg-tmp`).
//!
//! A file goes only when no package owns it and it lies there exactly as a .deb of this transaction ships it: a
//! person's own file at the same place stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use belay_protocol::Failure;

use super::device::Device;
use super::disk;
use super::restore_point::Stored;
use super::vault::{ObjectKind, Vault};

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["leftovers.remove.before", "leftovers.remove.after"];

/// Removes what the transactions of these points may have left behind. Returns what could not be looked for, one
/// sentence each: a damaged .deb of the version that goes must not stop the way back, which does not need it.
pub fn remove(device: &dyn Device, vault: &Vault, points: &[Stored]) -> Result<Vec<String>, Failure> {
    let packages = points.iter().flat_map(|stored| &stored.point.packages);
    let digests: BTreeSet<_> = packages
        .flat_map(|captured| [captured.new.as_ref().map(|new| new.sha256), captured.deb.as_ref().map(|deb| deb.sha256)])
        .flatten()
        .collect();
    let owned = owned_paths(device.root())?;
    let mut folders = BTreeSet::new();
    let mut skipped = Vec::new();
    crate::failpoint!("leftovers.remove.before");
    for digest in digests {
        let archive = vault.path(&digest, ObjectKind::Archive);
        // The new .deb of an update that was refused early may not have arrived.
        if !archive.exists() {
            continue;
        }
        if let Err(failure) = vault.verify(&digest, ObjectKind::Archive) {
            skipped.push(format!("files that an interrupted dpkg left were not looked for: {}", failure.message));
            continue;
        }
        for shipped in device.contents(&archive)? {
            if shipped.folder {
                folders.insert(shipped.path);
                continue;
            }
            for suffix in [".dpkg-new", ".dpkg-tmp"] {
                let mut name = shipped.path.clone().into_os_string();
                name.push(suffix);
                remove_file(device.root(), Path::new(&name), &owned)?;
            }
            // Files below /etc are the tree's: it knows what they were.
            if shipped.as_shipped && !shipped.path.starts_with("/etc") {
                remove_file(device.root(), &shipped.path, &owned)?;
            }
        }
    }
    for folder in folders.iter().rev().filter(|folder| !is_owned(folder, &owned)) {
        // One that is not empty, or not there, stays as it is.
        let _ = std::fs::remove_dir(below(device.root(), folder));
    }
    crate::failpoint!("leftovers.remove.after");
    Ok(skipped)
}

/// Every path that dpkg's file lists name.
fn owned_paths(root: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let info = root.join("var/lib/dpkg/info");
    let mut owned = BTreeSet::new();
    for name in disk::names_in(&info)? {
        if Path::new(&name).extension().is_some_and(|extension| extension == "list") {
            let text = disk::text_of(&disk::read(&info.join(&name))?.unwrap_or_default());
            owned.extend(text.lines().map(PathBuf::from));
        }
    }
    Ok(owned)
}

/// Whether a package owns the path, also by the other name that it has where `/bin` is a link to `/usr/bin`.
fn is_owned(path: &Path, owned: &BTreeSet<PathBuf>) -> bool {
    let merged = path.strip_prefix("/").map(|bare| Path::new("/usr").join(bare));
    let unmerged = path.strip_prefix("/usr").map(|bare| Path::new("/").join(bare));
    owned.contains(path) || [merged, unmerged].iter().flatten().any(|other| owned.contains(other))
}

fn remove_file(root: &Path, path: &Path, owned: &BTreeSet<PathBuf>) -> Result<(), Failure> {
    if is_owned(path, owned) {
        return Ok(());
    }
    let place = below(root, path);
    disk::remove_if_there(&place).map_err(|error| disk::failure("remove the leftover", &place, &error))
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests;
