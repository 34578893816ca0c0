//! The real device: apt and dpkg, on `/` or on another root.

mod archive;
mod by_dpkg;
mod complaint;
pub(crate) mod config;
mod contents;
mod fetch;
mod parse;
mod preflight;
pub(in crate::host) mod program;
mod resolve;
mod status_fd;
mod transact;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use belay_protocol::plan::Change;
use belay_protocol::{Architecture, Failure, PackageId, PackageList, Reason, Sha256};

use crate::config::settings::{Packages, Scripts};
use crate::durable;

use super::boot;
use super::command::Command;
use super::device::{ArchiveSource, Device, Inventory, Mend, PackageRecord, ShippedPath, TransactError, Transaction};
use super::dpkg::Dpkg;
use super::dpkg::lock::FrontendLock;
use super::hook::Exchange;
use super::mend;

use config::Config;

/// What an [`AptDevice`] is made from.
#[derive(Debug, Clone)]
pub struct AptSettings {
    /// The root that packages are installed on; `/` on a device.
    pub root: PathBuf,
    /// How maintainer scripts find another root than `/`.
    pub scripts: Scripts,
    /// A folder of our own for apt's private lists and caches. It may be lost at any time. Where apt runs as root, its
    /// user `_apt` must be able to search it, or apt downloads with root rights.
    pub work: PathBuf,
    /// How packages are installed.
    pub packages: Packages,
    /// Our own executable; apt runs a copy of it in the work folder as `PROGRAM apt-hook FILE`. `/proc/self/exe` is the
    /// one that is running, also where its file was replaced.
    pub program: PathBuf,
    /// The words that start the device again.
    pub reboot_command: Vec<String>,
}

/// A root on which real apt and dpkg install.
#[derive(Debug)]
pub struct AptDevice {
    settings: AptSettings,
    architecture: Architecture,
    dpkg: Dpkg,
    lock: FrontendLock,
    units: AtomicU32,
    program: PathBuf,
}

impl AptDevice {
    /// The device on that root.
    ///
    /// # Errors
    /// Where a path has characters that apt's configuration cannot carry, where maintainer scripts would run with root
    /// rights outside the root, or where dpkg does not answer.
    pub fn new(settings: AptSettings) -> Result<Self, Failure> {
        let paths = [("root", &settings.root), ("work folder", &settings.work), ("program", &settings.program)];
        if let Some((what, path)) = paths.into_iter().find(|(_, path)| !config::can_carry(path)) {
            let message = format!(
                "the {what} {} must be an absolute path without spaces, quotes and other special characters",
                path.display()
            );
            return Err(Failure::new(Reason::State, message));
        }
        let is_root = nix::unistd::geteuid().is_root();
        if is_root && settings.scripts == Scripts::Chrootless && settings.root != Path::new("/") {
            let message = "maintainer scripts that run outside the root would change this machine itself; \
                run as an ordinary user or let them run inside by chroot";
            return Err(Failure::new(Reason::State, message));
        }
        let dpkg = Dpkg::new(&settings.root, settings.scripts, settings.packages.apt_timeout);
        let lock = FrontendLock::new(&dpkg.database());
        let architecture = native_architecture(&dpkg)?;
        let program = program::keep(&settings.program, &settings.work)?;
        Ok(Self { settings, architecture, dpkg, lock, units: AtomicU32::new(0), program })
    }

    /// The copy of our own executable that apt's hook runs.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A call of one of apt's programs with the root's configuration.
    fn apt(&self, program: &str) -> Result<Command, Failure> {
        let base = self.base_config();
        let path = self.write_config("base.conf", &base)?;
        Ok(self.dpkg.on_root(Command::new(program).env("APT_CONFIG", path)).timeout(self.settings.packages.apt_timeout))
    }

    /// The same with our own sources' state, for planning and fetching.
    fn planning(&self, program: &str) -> Result<Command, Failure> {
        let config = config::plan(&self.settings.work, &self.settings.packages);
        for folder in ["lists/partial", "cache/archives/partial"] {
            self.make_folder(folder)?;
        }
        let path = self.write_config("plan.conf", &config)?;
        Ok(self.apt(program)?.arg("-c").arg(path))
    }

    fn base_config(&self) -> Config {
        config::base(&self.settings.root, self.settings.scripts, nix::unistd::geteuid().is_root())
    }

    /// Writes one of our configuration files. apt ignores one that is missing, and would then work on `/`.
    fn write_config(&self, name: &str, config: &Config) -> Result<PathBuf, Failure> {
        self.make_folder("")?;
        let path = self.settings.work.join(name);
        if std::fs::read(&path).is_ok_and(|found| found == config.text().as_bytes()) {
            return Ok(path);
        }
        durable::write_atomic(&path, config.text().as_bytes(), 0o644).map_err(|error| cannot_write(&path, &error))?;
        Ok(path)
    }

    /// Makes a folder below the work folder.
    fn make_folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.settings.work.join(name);
        durable::make_open_folder(&path).map_err(|error| cannot_write(&path, &error))?;
        Ok(path)
    }

    fn exchange(&self) -> Exchange {
        Exchange::new(self.settings.work.join("hook"))
    }

    /// The name of a transient unit for a run that changes packages, where there is a systemd to run it.
    fn unit(&self) -> Option<String> {
        let on_device = self.settings.root == Path::new("/") && nix::unistd::geteuid().is_root();
        let number = self.units.fetch_add(1, Ordering::Relaxed);
        (on_device && Path::new("/run/systemd/system").is_dir())
            .then(|| format!("belay-apt-{}-{number}", std::process::id()))
    }

    /// A package's identity from apt's name for it, `name` or `name:arch`.
    fn package_id(&self, name: &str) -> Option<PackageId> {
        let id: PackageId = name.parse().ok()?;
        match id.foreign().cloned() {
            Some(architecture) => Some(PackageId::new(id.name().clone(), &architecture, &self.architecture)),
            None => Some(id),
        }
    }

    /// A package as apt's arguments name it: with its architecture, so that no trailing `-` counts as an order to
    /// remove it.
    fn argument(&self, package: &PackageId) -> String {
        format!("{}:{}", package.name(), package.foreign().unwrap_or(&self.architecture))
    }
}

impl Device for AptDevice {
    fn root(&self) -> &Path {
        &self.settings.root
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn inventory(&self) -> Result<Inventory, Failure> {
        self.dpkg.inventory(&self.architecture)
    }

    fn status_digest(&self) -> Result<Sha256, Failure> {
        self.dpkg.status_digest()
    }

    fn resolve(&self, list: &PackageList, progress: &dyn Fn(f32, &str)) -> Result<Vec<Change>, Failure> {
        resolve::resolve(self, list, progress)
    }

    fn fetch(
        &self,
        changes: &[Change],
        take: &mut dyn FnMut(&Change, &Path) -> Result<(), Failure>,
        progress: &dyn Fn(f32, &str),
    ) -> Result<(), Failure> {
        fetch::fetch(self, changes, take, progress)
    }

    fn archive_of(&self, package: &PackageRecord, scratch: &Path) -> Result<(PathBuf, ArchiveSource), Failure> {
        archive::archive_of(self, package, scratch)
    }

    fn contents(&self, archive: &Path) -> Result<Vec<ShippedPath>, Failure> {
        contents::contents(self, archive)
    }

    fn transact(&self, transaction: &Transaction, progress: &dyn Fn(f32, &str)) -> Result<(), TransactError> {
        transact::transact(self, transaction, progress)
    }

    fn mend(&self, mend: &Mend) -> Result<(), Failure> {
        match mend {
            Mend::Neutralise { package, script } => mend::neutralise(&self.dpkg, package, script),
            Mend::Unpack(archive) => mend::unpack(&self.settings.root, archive),
            Mend::Select(selections) => mend::select(&self.dpkg, selections, self.lock.is_held()),
        }
    }

    fn call_off(&self) -> Result<(), Failure> {
        let expectation = self.exchange().expectation();
        match std::fs::remove_file(&expectation) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot_write(&expectation, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn lock(&self) -> Result<Box<dyn Send>, Failure> {
        Ok(Box::new(self.lock.acquire(self.settings.packages.lock_timeout)?))
    }

    fn audit(&self) -> Result<Vec<String>, Failure> {
        self.dpkg.audit()
    }

    fn boot_id(&self) -> Result<String, Failure> {
        boot::boot_id(&self.settings.root)
    }

    fn reboot_wanted(&self) -> Option<String> {
        boot::wanted(&self.settings.root)
    }

    fn reboot(&self) -> Result<(), Failure> {
        boot::reboot(&self.settings.root, &self.settings.reboot_command)
    }

    fn preflight(&self) -> Vec<String> {
        preflight::preflight(&self.settings.root)
    }
}

fn native_architecture(dpkg: &Dpkg) -> Result<Architecture, Failure> {
    let finished = super::dpkg::expect_success("dpkg", dpkg.command().arg("--print-architecture").run())?;
    let text = finished.stdout.trim();
    text.parse().map_err(|_| Failure::new(Reason::AptFailed, format!("dpkg calls its architecture {text:?}")))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return super::disk::failure("write", path, error);
    }
    Failure::new(Reason::State, format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
