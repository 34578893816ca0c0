//! Files that survive a power cut: whole-file replacement, and slots that hold the newest snapshot of a value.

mod slots;

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::Digest;

use belay_protocol::Sha256;

pub use slots::{Slots, SlotsError};

/// Replaces the file at `path` by `bytes` so that after a power cut it holds either the old or the new content.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path)?;
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let temporary = folder.join(format!(".{}.new", name.to_string_lossy()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_folder(&folder)
}

/// Makes a folder that only its owner can read; those above it that are missing are open to everybody, because what
/// else lies in them may be meant for others.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        make_open_folder(parent)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder that everybody can search, and those above it that are missing, whatever the umask. Folders that
/// are there stay as they are.
pub fn make_open_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_open_folder(parent)?;
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(0o755)),
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file durably; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(&folder_of(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The digest of everything that `source` gives.
pub fn digest_of(source: &mut impl io::Read) -> io::Result<Sha256> {
    let mut hasher = sha2::Sha256::new();
    io::copy(source, &mut hasher)?;
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}

/// The digest of a file's content.
pub fn digest_of_file(path: &Path) -> io::Result<Sha256> {
    digest_of(&mut File::open(path)?)
}

/// The digest of bytes at hand.
pub fn digest_of_bytes(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

fn folder_of(path: &Path) -> io::Result<PathBuf> {
    path.parent().map(Path::to_path_buf).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests;
