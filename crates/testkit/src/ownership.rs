//! Files and folders that belong to the ordinary user who runs apt, dpkg and the agent.
//!
//! When the kit runs as root it creates files as root; whatever a child has to read or change is handed over here.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::command::ordinary_user;

/// Returns the folder under which sandboxes and other temporary folders are made: `BELAY_TEST_DIR`, else the system's.
pub fn base_dir() -> PathBuf {
    std::env::var_os("BELAY_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
}

/// Creates a folder of the ordinary user, readable by all, that is removed when the value is dropped.
///
/// # Panics
/// When `parent` cannot hold it.
pub fn temp_dir_in(parent: &Path, prefix: &str) -> TempDir {
    let dir = tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(parent)
        .unwrap_or_else(|error| panic!("cannot make a temporary folder in {}: {error}", parent.display()));
    set_mode(dir.path(), 0o755);
    hand_over(dir.path());
    dir
}

/// Creates a folder and its missing parents, each mode 755 and the ordinary user's.
///
/// # Panics
/// When one of them cannot be created.
pub fn create_dir(path: &Path) {
    if path.is_dir() {
        return;
    }
    if let Some(parent) = path.parent() {
        create_dir(parent);
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return,
        Err(error) => panic!("cannot create {}: {error}", path.display()),
    }
    set_mode(path, 0o755);
    hand_over(path);
}

/// Writes a file of the ordinary user, mode 644, creating its folders.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) {
    write_with_mode(path, contents, 0o644);
}

/// Writes a file of the ordinary user with a mode of its own, creating its folders.
///
/// # Panics
/// When it cannot be written.
#[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
pub fn write_with_mode(path: &Path, contents: impl AsRef<[u8]>, mode: u32) {
    if let Some(parent) = path.parent() {
        create_dir(parent);
    }
    fs::write(path, contents).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    set_mode(path, mode);
    hand_over(path);
}

/// Makes a file or folder the ordinary user's; a link is not followed.
///
/// # Panics
/// When its owner cannot be changed.
pub fn hand_over(path: &Path) {
    if let Some((uid, gid)) = ordinary_user() {
        lchown(path, Some(uid), Some(gid))
            .unwrap_or_else(|error| panic!("cannot hand over {}: {error}", path.display()));
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("cannot set the mode of {}: {error}", path.display()));
}
