//! The folder in which a script's layers lie: made empty, and removed whatever the script left in it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_protocol::Failure;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::host::disk;

/// Folders of a root that others are mounted on.
const MOUNT_POINTS: [&str; 5] = ["proc", "sys", "dev", "run", "tmp"];

/// Removes what a rehearsal left in its folder, and the folder: files that a script made immutable and folders that it
/// closed too. Nothing of it is mounted any more.
///
/// # Errors
/// It cannot be removed.
pub fn clear(scratch: &Path) -> Result<(), Failure> {
    open_up(scratch).map_err(|error| disk::failure("remove", scratch, &error))?;
    disk::remove_folder(scratch)
}

/// Makes the folder anew.
pub(super) fn make(scratch: &Path) -> Result<(), Failure> {
    clear(scratch)?;
    disk::make_folder(scratch)
}

/// Makes the folders that are missing in a root to be mounted on, and returns them.
pub(super) fn mount_points(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let missing = MOUNT_POINTS.map(|name| root.join(name)).into_iter().filter(|path| path.symlink_metadata().is_err());
    let missing: Vec<_> = missing.collect();
    for path in &missing {
        fs::create_dir(path).map_err(|error| disk::failure("make the folder", path, &error))?;
    }
    Ok(missing)
}

/// Copies a bundle's folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| disk::failure("copy", &path, &error)
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    for name in disk::names_in(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let found = from.symlink_metadata().map_err(failed(&from))?;
        if found.is_dir() {
            copy(&from, &to)?;
        } else if found.is_symlink() {
            let linked = fs::read_link(&from).and_then(|target| std::os::unix::fs::symlink(target, &to));
            linked.map_err(failed(&from))?;
        } else {
            fs::copy(&from, &to).map(drop).map_err(failed(&from))?;
        }
    }
    fs::set_permissions(to, from.metadata().map_err(failed(from))?.permissions()).map_err(failed(to))
}

/// Lets this user list and empty every folder, and takes the flags off that keep files from being removed.
fn open_up(folder: &Path) -> io::Result<()> {
    let Some(found) = disk::absent_is_none(folder.symlink_metadata())? else { return Ok(()) };
    if !found.is_dir() {
        return Ok(());
    }
    loosen(folder);
    if found.permissions().mode() & 0o700 != 0o700 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            open_up(&entry.path())?;
        } else if kind.is_file() && disk::is_root() {
            loosen(&entry.path());
        }
    }
    Ok(())
}

/// Only root can have set such a flag; where it cannot be taken off, removing says so.
fn loosen(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    let fixed = IFlags::IMMUTABLE | IFlags::APPEND;
    if let Ok(flags) = ioctl_getflags(&file)
        && flags.intersects(fixed)
    {
        let _ = ioctl_setflags(&file, flags - fixed);
    }
}
