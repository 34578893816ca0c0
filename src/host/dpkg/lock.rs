//! dpkg's frontend lock, which apt, dpkg and we respect. It belongs to a process, not to a descriptor: closing any
//! descriptor of the file in this process lets it go, so the file is opened here and nowhere else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use belay_protocol::{Failure, Reason};

use crate::clock;

/// The frontend lock of one root, at most once held by this process, however often asked for.
#[derive(Debug)]
pub(crate) struct FrontendLock {
    path: PathBuf,
    held: Mutex<Weak<File>>,
}

impl FrontendLock {
    /// The lock of the database in this folder.
    pub(crate) fn new(database: &Path) -> Self {
        Self { path: database.join("lock-frontend"), held: Mutex::new(Weak::new()) }
    }

    /// Whether this process holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
    }

    /// Waits for the lock, at most `timeout`; it is let go when the last guard is dropped.
    pub(crate) fn acquire(&self, timeout: Duration) -> Result<Arc<File>, Failure> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = held.upgrade() {
            return Ok(file);
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o640).open(&self.path);
        let file = file.map_err(|error| self.failure(&error.to_string()))?;
        let deadline = clock::monotonic() + timeout;
        loop {
            match fcntl(&file, FcntlArg::F_SETLK(&exclusive())) {
                Ok(_) => break,
                Err(Errno::EACCES | Errno::EAGAIN) if clock::monotonic() < deadline => std::thread::sleep(PAUSE),
                Err(Errno::EACCES | Errno::EAGAIN) => return Err(self.busy(&file, timeout)),
                Err(error) => return Err(self.failure(error.desc())),
            }
        }
        let file = Arc::new(file);
        *held = Arc::downgrade(&file);
        Ok(file)
    }

    fn busy(&self, file: &File, waited: Duration) -> Failure {
        let mut lock = exclusive();
        let holder = match fcntl(file, FcntlArg::F_GETLK(&mut lock)) {
            Ok(_) if lock.l_pid > 0 => holder(lock.l_pid),
            Ok(_) | Err(_) => "another process".to_owned(),
        };
        let message = format!(
            "{holder} holds {} for more than {} s; wait for it to end or look at what it is doing",
            self.path.display(),
            waited.as_secs()
        );
        Failure::new(Reason::LockTimeout, message)
    }

    fn failure(&self, error: &str) -> Failure {
        Failure::new(Reason::AptFailed, format!("cannot lock {}: {error}", self.path.display()))
    }
}

fn holder(pid: i32) -> String {
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

fn exclusive() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

const PAUSE: Duration = Duration::from_millis(100);
