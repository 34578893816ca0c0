//! Mounts of this process alone: a namespace of its own, images on loop devices that go with their mount.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::command::{command, run};

/// An image that is mounted. Dropped, it is not any more, and its loop device is free.
#[derive(Debug)]
pub struct Mounted {
    point: PathBuf,
}

/// Goes into a mount namespace of its own, once, before any thread starts: nothing mounted later is seen outside, and it
/// all goes with this process.
///
/// # Errors
/// Without root rights.
pub fn isolate() -> Result<(), String> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(None::<&str>, "/", None::<&str>, private, None::<&str>))
        .map_err(|error| format!("cannot enter a mount namespace: {error}"))
}

impl Mounted {
    /// Mounts an image as a system does after a power cut: ext4 recovers its journal.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(image: &Path, point: &Path) -> Result<Self, String> {
        fs::create_dir_all(point).map_err(|error| format!("cannot make {}: {error}", point.display()))?;
        run(command("mount").args(["-t", "ext4", "-o", "loop"]).arg(image).arg(point))?;
        Ok(Self { point: point.to_owned() })
    }

    /// How many errors the kernel has found in the file system, in its whole life.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn errors(&self) -> Result<u64, String> {
        let told = run(command("findmnt").args(["-n", "-o", "SOURCE"]).arg(&self.point))?;
        let device = told.trim().trim_start_matches("/dev/").to_owned();
        let path = Path::new("/sys/fs/ext4").join(device).join("errors_count");
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        text.trim().parse().map_err(|_| format!("{} holds {text:?}", path.display()))
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for _ in 0..100 {
            match umount2(&self.point, MntFlags::empty()) {
                // The container's last process is just letting go of it.
                Err(nix::Error::EBUSY) => std::thread::sleep(std::time::Duration::from_millis(20)),
                Ok(()) | Err(_) => return,
            }
        }
        let _ = umount2(&self.point, MntFlags::MNT_DETACH);
    }
}
