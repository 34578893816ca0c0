//! The single mounts that a view is built of.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{Refused, refused};

/// Mounts an overlay of `lowers`, the first on top, at `place`. What is written goes to `folder/upper`, which this
/// returns; `plain` is for a user namespace, whose root may not set trusted attributes.
pub(super) fn overlay(lowers: &[&Path], folder: &Path, place: &Path, plain: bool) -> Result<PathBuf, Refused> {
    let (upper, work) = (folder.join("upper"), folder.join("work"));
    for half in [&upper, &work] {
        fs::create_dir_all(half).map_err(|error| refused("make", half, &error))?;
    }
    // The upper half is what is seen of the layer's own folder.
    let seen = fs::metadata(lowers[0]).and_then(|seen| dress(&upper, &seen));
    seen.map_err(|error| refused("set the mode of", &upper, &error))?;
    // By descriptor, since a path could hold what ends an option.
    let open = |path: &Path| File::open(path).map_err(|error| refused("open", path, &error));
    let lowers = lowers.iter().map(|lower| open(lower)).collect::<Result<Vec<_>, _>>()?;
    let halves = [open(&upper)?, open(&work)?];
    let named = |file: &File| format!("/proc/self/fd/{}", file.as_raw_fd());
    let lower: Vec<_> = lowers.iter().map(named).collect();
    let mut options = format!(
        "lowerdir={},upperdir={},workdir={},redirect_dir=nofollow,metacopy=off,index=off",
        lower.join(":"),
        named(&halves[0]),
        named(&halves[1])
    );
    if plain {
        options.push_str(",userxattr");
    }
    attach("overlay", place, MsFlags::MS_NODEV, &options)?;
    Ok(upper)
}

/// Mounts a file system of that kind.
pub(super) fn attach(kind: &str, place: &Path, flags: MsFlags, options: &str) -> Result<(), Refused> {
    mount(Some("belay"), place, Some(kind), flags, Some(options))
        .map_err(|error| refused(&format!("mount {kind} at"), place, &error.into()))
}

/// Shows `source`, and what is mounted below it, at `place`.
pub(super) fn bind(source: &Path, place: &Path) -> Result<(), Refused> {
    mount(Some(source), place, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(|error| refused(&format!("show {} at", source.display()), place, &error.into()))
}

/// Shows a file at a path that is made for it.
pub(super) fn bind_file(source: &Path, place: &Path) -> Result<(), Refused> {
    File::create(place).map_err(|error| refused("make", place, &error))?;
    bind(source, place)
}

/// Makes what is mounted at `place` unwritable there.
pub(super) fn freeze(place: &Path) -> Result<(), Refused> {
    let frozen = statvfs(place).map_err(io::Error::from).and_then(|found| {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | as_it_is(found.f_flag);
        Ok(mount(None::<&str>, place, None::<&str>, flags, None::<&str>)?)
    });
    frozen.map_err(|error| refused("make read-only", place, &error))
}

/// Makes a folder with a mode.
pub(super) fn folder(path: &Path, mode: u32) -> Result<(), Refused> {
    let made = fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)));
    made.map_err(|error| refused("make", path, &error))
}

/// Makes a link.
pub(super) fn link(target: impl AsRef<Path>, path: &Path) -> Result<(), Refused> {
    symlink(target, path).map_err(|error| refused("make", path, &error))
}

/// Copies everything below `from` into the folder `to`, with modes and times, on one file system.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Refused> {
    let found = fs::symlink_metadata(from).map_err(|error| refused("read", from, &error))?;
    copy_folder(from, to, found.dev())?;
    fs::set_permissions(to, found.permissions()).map_err(|error| refused("set the mode of", to, &error))
}

fn copy_folder(from: &Path, to: &Path, device: u64) -> Result<(), Refused> {
    fs::create_dir_all(to).map_err(|error| refused("make", to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| refused("read", from, &error))? {
        let name = entry.map_err(|error| refused("read", from, &error))?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        let found = fs::symlink_metadata(&from).map_err(|error| refused("read", &from, &error))?;
        if found.is_dir() && found.dev() == device {
            copy_folder(&from, &to, device)?;
        } else if found.is_dir() {
            // Something else is mounted here; it is shown, or not, by itself.
            fs::create_dir_all(&to).map_err(|error| refused("make", &to, &error))?;
        } else if found.is_symlink() {
            let copied = fs::read_link(&from).and_then(|target| symlink(target, &to));
            copied.map_err(|error| refused("copy", &from, &error))?;
        } else if found.is_file() {
            fs::copy(&from, &to).map_err(|error| refused("copy", &from, &error))?;
        }
        if !found.is_symlink() {
            dress(&to, &found).map_err(|error| refused("set the mode of", &to, &error))?;
        }
    }
    Ok(())
}

/// Gives a file or folder the mode, the owner where this may, and the time of another one.
fn dress(path: &Path, like: &Metadata) -> io::Result<()> {
    let now = fs::metadata(path)?;
    if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
        // In a user namespace there is nobody else to give it to.
        let _ = chown(path, Some(like.uid()), Some(like.gid()));
    }
    fs::set_permissions(path, Permissions::from_mode(like.mode() & 0o7777))?;
    File::open(path)?.set_modified(like.modified()?)
}

/// A mount's flags as they are: in a user namespace none of them may be taken off.
fn as_it_is(flags: StatVfsMountFlags) -> MsFlags {
    [
        (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID),
        (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
        (StatVfsMountFlags::NOATIME, MsFlags::MS_NOATIME),
        (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME),
        (StatVfsMountFlags::RELATIME, MsFlags::MS_RELATIME),
    ]
    .into_iter()
    .filter(|(found, _)| flags.contains(*found))
    .fold(MsFlags::empty(), |all, (_, flag)| all | flag)
}
