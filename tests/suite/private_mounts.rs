//! Tests that mount something: run again in a mount namespace of their own, where nothing they mount is seen outside.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use belay_testkit::command::{command, ordinary_user, succeed};
use belay_testkit::ownership::{base_dir, temp_dir_in};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::support::skipped;

/// What tells the second run from the first.
const INSIDE: &str = "BELAY_PRIVATE_MOUNTS";

/// Where a small disk is mounted.
const DISK: &str = "disk";

/// Runs the test of that full name again in a mount namespace of its own, and its body there, with an empty folder.
/// Without root rights it says that it was skipped.
#[track_caller]
pub(crate) fn rerun(name: &str, body: impl FnOnce(&Path)) {
    if std::env::var_os(INSIDE).is_some() {
        let folder = temp_dir_in(&base_dir(), "belay-mounts-");
        body(folder.path());
        // What is still mounted would keep the folder.
        let _ = umount2(&folder.path().join(DISK), MntFlags::MNT_DETACH);
        return;
    }
    if ordinary_user().is_none() {
        return skipped("needs root");
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut unshare = command("unshare");
    unshare.uid(0).gid(0).env(INSIDE, "1").args(["--mount", "--propagation", "private"]).arg(program);
    for variable in ["BELAY_TEST_DIR", "BELAY_KEEP", "TMPDIR", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(variable) {
            unshare.env(variable, value);
        }
    }
    let said = succeed(unshare.args(["--exact", name, "--nocapture", "--test-threads=1"]));
    assert!(said.contains("1 passed"), "there is no test {name}:\n{said}");
}

/// Mounts an empty disk of so many megabytes below `dir`.
pub(crate) fn small_disk(dir: &Path, megabytes: u32) -> PathBuf {
    let disk = dir.join(DISK);
    belay_testkit::ownership::create_dir(&disk);
    let options = format!("size={megabytes}m,mode=0777");
    mount(Some("belay"), &disk, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
        .unwrap_or_else(|error| panic!("cannot mount a tmpfs at {}: {error}", disk.display()));
    disk
}

/// A folder that nobody can write to until this is dropped.
pub(crate) struct ReadOnly(PathBuf);

/// Makes a folder read-only, as a file system with errors is.
pub(crate) fn read_only(folder: &Path) -> ReadOnly {
    bind(folder, folder);
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, folder, None::<&str>, flags, None::<&str>)
        .unwrap_or_else(|error| panic!("cannot make {} read-only: {error}", folder.display()));
    ReadOnly(folder.to_owned())
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).expect("what was mounted here can be unmounted");
    }
}

/// Shows `file` at the place of another one.
pub(crate) fn bind(file: &Path, place: &Path) {
    mount(Some(file), place, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .unwrap_or_else(|error| panic!("cannot mount {} at {}: {error}", file.display(), place.display()));
}
