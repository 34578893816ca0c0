//! File operations of the host: they survive a power cut, never follow a planted link, and fail in sentences.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use belay_protocol::{Failure, Reason, Sha256};
use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use sha2::Digest;

use crate::durable::{self, sync_folder};

/// The name under which a file is written before it takes its place. One for every folder: the host does one thing
/// at a time, and what a power cut left behind is overwritten when the same file is written again.
pub const TEMPORARY: &str = ".belay-new";

/// What a file that is put in place looks like besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// User and group; left to the kernel where there is none, or where this program is not root.
    pub owner: Option<(u32, u32)>,
    /// When it was last changed; the present where there is none.
    pub modified: Option<SystemTime>,
}

impl Attributes {
    /// Permission bits and nothing else.
    pub fn mode(mode: u32) -> Self {
        Self { mode, owner: None, modified: None }
    }
}

/// Says what could not be done with which file, and how much space is free where that was the reason.
pub fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Failure::new(Reason::State, format!("could not {doing} {shown}: {error}"));
    }
    let free = free_bytes(path).map_or_else(|| "an unknown number of".to_owned(), |bytes| bytes.to_string());
    Failure::new(
        Reason::NoSpace,
        format!(
            "could not {doing} {shown}: the disk is full ({free} bytes are free there); free some space, then ask again"
        ),
    )
}

/// Bytes that a program without privileges can still write where `path` is or would be.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let figures = rustix::fs::statvfs(there).ok()?;
    Some(figures.f_bavail.saturating_mul(figures.f_frsize))
}

/// Opens a regular file for reading; a fifo or device does not make this wait.
pub fn open_regular(path: &Path, follow: bool) -> io::Result<File> {
    let flags = O_CLOEXEC | O_NONBLOCK | if follow { 0 } else { O_NOFOLLOW };
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Makes an empty file under the temporary name in `folder`, replacing what an earlier run left.
pub fn temporary_in(folder: &Path) -> io::Result<(File, PathBuf)> {
    let path = folder.join(TEMPORARY);
    remove_if_there(&path)?;
    // `create_new` refuses a link that was planted since: it is neither followed nor overwritten.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&path)?;
    Ok((file, path))
}

/// Copies everything and hashes it on the way; returns the digest and the number of bytes.
pub fn copy_hashing(input: &mut impl Read, output: &mut impl Write) -> io::Result<(Sha256, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok((Sha256::from_bytes(hasher.finalize().into()), size)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        output.write_all(&buffer[..read])?;
        size += read as u64;
    }
}

/// Replaces the file at `path` by what `fill` writes: after a power cut it is the old one or the whole new one.
/// Nothing is replaced where `fill` fails.
pub fn place<T>(
    path: &Path,
    attributes: Attributes,
    fill: impl FnOnce(&mut File) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let (mut file, temporary) = temporary_in(folder).map_err(|error| failure("write", path, &error))?;
    let filled = fill(&mut file).and_then(|value| {
        let dressed = dress(&file, attributes).and_then(|()| file.sync_all());
        dressed.map_err(|error| failure("write", path, &error)).map(|()| value)
    });
    let value = filled.inspect_err(|_| {
        // The reason of the failure matters more than the leftover, which the next writer replaces.
        let _ = std::fs::remove_file(&temporary);
    })?;
    std::fs::rename(&temporary, path)
        .and_then(|()| sync_folder(folder))
        .map_err(|error| failure("put in place", path, &error))?;
    Ok(value)
}

/// Replaces the file at `path` by `bytes`, atomically and durably.
pub fn write(path: &Path, bytes: &[u8], attributes: Attributes) -> Result<(), Failure> {
    place(path, attributes, |file| file.write_all(bytes).map_err(|error| failure("write", path, &error)))
}

/// Reads a whole file; none where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let read = open_regular(path, true).and_then(|mut file| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map(|_| bytes)
    });
    absent_is_none(read).map_err(|error| failure("read", path, &error))
}

/// Turns bytes into text of which every byte can be had back, whatever its encoding: one character a byte.
/// dpkg's database may hold Latin-1 in a maintainer's name, and a patch must not touch what it does not name.
pub fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes that [`text_of`] was given.
pub fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

/// Makes a folder for this user only. Those above it that are missing are open to everybody.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    make_folder_with(path, 0o700, durable::make_private_folder)
}

/// Makes a folder that everybody can search, as apt's own user must be able to, and those above it that are missing.
pub fn make_open_folder(path: &Path) -> Result<(), Failure> {
    make_folder_with(path, 0o755, durable::make_open_folder)
}

fn make_folder_with(path: &Path, mode: u32, make: fn(&Path) -> io::Result<()>) -> Result<(), Failure> {
    let made = make(path).and_then(|()| {
        if path.symlink_metadata()?.is_dir() {
            std::fs::set_permissions(path, Permissions::from_mode(mode))
        } else {
            Err(io::Error::other("a link stands in its place; remove it"))
        }
    });
    made.map_err(|error| failure("make the folder", path, &error))
}

/// Makes everything durable that was written to the file system on which `path` lies.
pub fn sync_file_system(path: &Path) -> Result<(), Failure> {
    let synced = File::open(path).and_then(|folder| nix::unistd::syncfs(folder.as_fd()).map_err(io::Error::from));
    synced.map_err(|error| failure("sync", path, &error))
}

/// Removes a file or link; one that is not there is fine.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    absent_is_none(std::fs::remove_file(path)).map(|_| ())
}

/// Removes a folder with everything in it, never through a link; one that is not there is fine.
pub fn remove_folder(path: &Path) -> Result<(), Failure> {
    let removed = absent_is_none(std::fs::remove_dir_all(path));
    removed.map(|_| ()).map_err(|error| failure("remove", path, &error))
}

/// Turns "not there" into none.
pub fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names in a folder, sorted; none where there is no such folder.
pub fn names_in(folder: &Path) -> Result<Vec<std::ffi::OsString>, Failure> {
    let names = absent_is_none(std::fs::read_dir(folder)).and_then(|entries| {
        entries.into_iter().flatten().map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
    });
    let mut names = names.map_err(|error| failure("list", folder, &error))?;
    names.sort();
    Ok(names)
}

/// Whether this program may give files to others.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn dress(file: &File, attributes: Attributes) -> io::Result<()> {
    if let Some((user, group)) = attributes.owner.filter(|_| is_root()) {
        std::os::unix::fs::fchown(file, Some(user), Some(group))?;
    }
    // After the owner: giving a file away clears its set-user-id bit.
    file.set_permissions(Permissions::from_mode(attributes.mode))?;
    attributes.modified.map_or(Ok(()), |modified| file.set_modified(modified))
}

#[cfg(test)]
mod tests;
