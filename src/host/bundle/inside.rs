//! A bundle's script apart from the device: this program, run again with nothing but one thread, makes the namespaces,
//! builds what the script sees, runs it, and says how that ended.
//!
//! `outer` leaves the device's namespaces and watches the time; `init` is the first process of the new ones; `view`
//! mounts, by what `mounts` makes of the device's mount table; `processes` looks who is still there. Everything mounted
//! ends with the namespaces, however they end. Only `capture` starts this.

mod init;
mod layer;
mod mounts;
mod outer;
mod place;
mod processes;
mod view;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::capture::LayerKind;

/// What is to be run, and where. `scratch/spec.json` while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spec {
    /// The root of the device.
    pub(super) root: PathBuf,
    /// A private folder for everything that this makes.
    pub(super) scratch: PathBuf,
    /// This program.
    pub(super) program: PathBuf,
    /// The bundle's folder.
    pub(super) bundle: PathBuf,
    /// The script's name in it.
    pub(super) script: String,
    /// Its environment beside what every child gets.
    pub(super) environment: Vec<(String, String)>,
    /// How long it may run, in milliseconds.
    pub(super) timeout_ms: u64,
    /// What it sees of the root.
    pub(super) sees: Sees,
    /// The socket of what listens to the shims.
    pub(super) socket: PathBuf,
}

/// What a script sees of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sees {
    /// An overlay, so that the root stays as it is.
    Overlay,
    /// The root itself, in namespaces of its own.
    Root,
    /// The live system, without any namespace.
    System,
}

/// How it ended. `scratch/outcome.json` afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The script ran to its end.
    Ended(Ended),
    /// The script ran too long and was ended.
    TimedOut,
    /// The script could not be started.
    NotStarted {
        /// Why.
        message: String,
    },
    /// What it would have seen could not be built.
    Unbuilt(Refused),
}

/// How a script ended that did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// Its exit code; none where a signal ended it.
    pub(super) code: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// What it left running.
    pub(super) left: Vec<String>,
    /// Whether `/run/reboot-required` appeared.
    pub(super) reboot: bool,
    /// The file systems that it saw.
    pub(super) layers: Vec<Mounted>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// A file system that a script saw and could write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mounted {
    /// Where, below the root; empty for the root.
    pub(super) at: PathBuf,
    /// The folder that holds what was written.
    pub(super) upper: PathBuf,
    /// How it is to be read.
    pub(super) kind: LayerKind,
}

/// Something that the system refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// What, and why.
    pub(super) message: String,
    /// Whether it was the disk that is full.
    pub(super) full: bool,
}

impl Spec {
    /// Where it lies while it is carried out.
    pub(super) fn file(scratch: &Path) -> PathBuf {
        scratch.join("spec.json")
    }

    /// Where its outcome lies afterwards.
    pub(super) fn outcome(scratch: &Path) -> PathBuf {
        scratch.join("outcome.json")
    }

    /// The file that whoever asks for this holds locked, for as long as the answer is wanted.
    pub(super) fn asker(scratch: &Path) -> PathBuf {
        scratch.join("asker.lock")
    }

    fn watcher(&self) -> PathBuf {
        self.scratch.join("watcher.lock")
    }

    fn read(path: &Path) -> Result<Self, Refused> {
        let bytes = std::fs::read(path).map_err(|error| refused("read", path, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| refused("read", path, &error.into()))
    }
}

impl Outcome {
    fn write(&self, to: &File) -> io::Result<()> {
        serde_json::to_writer(to, self).map_err(io::Error::from)
    }
}

/// Carries out what `spec` says. There must be no second thread.
pub fn run(spec: &Path, init: bool) -> ExitCode {
    let ended = match Spec::read(spec) {
        Ok(read) if init => init::run(&read),
        Ok(read) => outer::run(spec, &read),
        Err(refused) => Err(refused),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            say(&refused.message);
            ExitCode::FAILURE
        }
    }
}

/// Locks a file for as long as the result is kept; none where somebody else has it.
pub(super) fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    let file = File::options().create(true).write(true).truncate(false).open(path)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

/// Puts a refusal in words.
fn refused(doing: &str, path: &Path, error: &io::Error) -> Refused {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Refused { message: format!("cannot {doing} {}: {error}", path.display()), full }
}

#[expect(clippy::print_stderr, reason = "its standard error is the job's log")]
fn say(message: &str) {
    eprintln!("belay-agent: {message}");
}
