//! dpkg itself: how it is called, what its database holds, its lock.

pub(crate) mod inventory;
pub(crate) mod lock;

use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::{Architecture, Failure, Reason, Sha256};

use crate::config::settings::Scripts;
use crate::durable;

use super::apt::config;
use super::command::{Command, CommandError, Finished};
use super::device::{Inventory, PackageRef};

/// dpkg on one root.
#[derive(Debug, Clone)]
pub(crate) struct Dpkg {
    root: PathBuf,
    options: Vec<String>,
    timeout: Duration,
}

impl Dpkg {
    /// dpkg on `root`; one run may take `timeout`.
    pub(crate) fn new(root: &Path, scripts: Scripts, timeout: Duration) -> Self {
        let is_root = nix::unistd::geteuid().is_root();
        let options = match root == Path::new("/") {
            true => Vec::new(),
            false => config::dpkg_options(root.display(), scripts, is_root),
        };
        Self { root: root.to_owned(), options, timeout }
    }

    /// The folder of dpkg's database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("var/lib/dpkg")
    }

    /// The file that knows every package's state.
    pub(crate) fn status_file(&self) -> PathBuf {
        self.database().join("status")
    }

    /// A call of dpkg on the root.
    pub(crate) fn command(&self) -> Command {
        self.on_root(Command::new("dpkg").args(&self.options)).timeout(self.timeout)
    }

    /// Gives a child what it needs on another root than `/`.
    pub(crate) fn on_root(&self, command: Command) -> Command {
        match std::env::var_os("PATH") {
            Some(path) if self.root != Path::new("/") => command.env("PATH", path),
            Some(_) | None => command,
        }
    }

    /// Whether dpkg was stopped before it could fold its journal into its database.
    pub(crate) fn was_interrupted(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.database().join("updates")) else { return false };
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_number))
    }

    /// Lets dpkg fold its journal into its database and does nothing else; apt refuses to work before. The caller holds
    /// the frontend lock.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        let finished = self.command().arg("--set-selections").env("DPKG_FRONTEND_LOCKED", "true").run();
        expect_success("dpkg --set-selections", finished).map(drop)
    }

    /// Digest of the status file.
    pub(crate) fn status_digest(&self) -> Result<Sha256, Failure> {
        durable::digest_of_file(&self.status_file()).map_err(|error| self.unreadable(&error))
    }

    /// Every package that the database knows; `native` is the device's own architecture.
    pub(crate) fn inventory(&self, native: &Architecture) -> Result<Inventory, Failure> {
        let size = std::fs::metadata(self.status_file()).map_err(|error| self.unreadable(&error))?.len();
        if size == 0 && self.holds_files() {
            let path = self.status_file();
            let message = format!(
                "{} is empty, but packages are installed; restore it from {}-old or /var/backups/dpkg.status.0",
                path.display(),
                path.display()
            );
            return Err(Failure::new(Reason::DeviceBroken, message));
        }
        let admindir = format!("--admindir={}", self.database().display());
        let query = Command::new("dpkg-query").args([&admindir, "-W", "-f", inventory::FORMAT]).run();
        let finished = query.map_err(|error| Failure::new(Reason::DeviceBroken, error.to_string()))?;
        if !finished.success() || !finished.complete {
            let message = format!("dpkg's database cannot be read: {}", finished.stderr.trim().replace('\n', " "));
            return Err(Failure::new(Reason::DeviceBroken, message));
        }
        let marks = self.root.join("var/lib/apt/extended_states");
        let marks = std::fs::read_to_string(marks).unwrap_or_default();
        inventory::parse(&finished.stdout, &marks, native).map_err(|line| {
            Failure::new(Reason::DeviceBroken, format!("dpkg's database holds what nobody can read: {line:?}"))
        })
    }

    /// What `dpkg --audit` complains of.
    pub(crate) fn audit(&self) -> Result<Vec<String>, Failure> {
        let finished = self.command().arg("--audit").run();
        let finished = finished.map_err(|error| Failure::new(Reason::DeviceBroken, error.to_string()))?;
        if finished.success() || !finished.stdout.is_empty() {
            return Ok(inventory::audit(&finished.stdout));
        }
        Err(Failure::new(Reason::DeviceBroken, format!("dpkg --audit failed: {}", finished.stderr.trim())))
    }

    fn holds_files(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.database().join("info")) else { return false };
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "list"))
    }

    fn unreadable(&self, error: &std::io::Error) -> Failure {
        let message = format!("cannot read {}: {error}", self.status_file().display());
        Failure::new(Reason::DeviceBroken, message)
    }
}

/// A package as dpkg's arguments name it.
pub(crate) fn argument(package: &PackageRef) -> String {
    if package.architecture.as_str() == "all" {
        return package.package.name().to_string();
    }
    format!("{}:{}", package.package.name(), package.architecture)
}

/// Turns a run that did not end with exit code 0 into a failure with the tool's own words.
pub(crate) fn expect_success(what: &str, run: Result<Finished, CommandError>) -> Result<Finished, Failure> {
    let finished = run.map_err(|error| Failure::new(Reason::AptFailed, error.to_string()))?;
    if finished.success() {
        return Ok(finished);
    }
    let told = finished.stderr.trim().replace('\n', "; ");
    Err(Failure::new(Reason::AptFailed, format!("{what} failed: {told}")))
}
