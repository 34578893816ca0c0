//! Carries out a transaction with apt: exactly the named packages, checked by our hook under apt's lock, or nothing.

use belay_protocol::{Failure, Reason};

use crate::host::command::{Command, CommandError};
use crate::host::device::{Archive, Inventory, PackageRecord, PackageRef, Rung, TransactError, Transaction};
use crate::host::hook::Expectation;

use super::config::{self, Removals};
use super::status_fd::{self, Report};
use super::{AptDevice, by_dpkg, complaint};

pub(super) fn transact(
    device: &AptDevice,
    transaction: &Transaction,
    progress: &dyn Fn(f32, &str),
) -> Result<(), TransactError> {
    let mut transaction = transaction.clone();
    for archive in &mut transaction.install {
        // apt announces the real path, whatever links it was given.
        archive.path = archive.path.canonicalize().map_err(|error| {
            let Archive { package, path, .. } = archive;
            let message =
                format!("the archive of {package} is gone ({}: {error}), so it cannot be installed", path.display());
            TransactError::Untouched(Failure::new(Reason::VaultDamaged, message))
        })?;
    }
    match transaction.rung {
        Rung::Dpkg => by_dpkg::transact(device, &transaction, progress),
        Rung::Apply | Rung::Apt => by_apt(device, &transaction, progress),
    }
}

fn by_apt(device: &AptDevice, transaction: &Transaction, progress: &dyn Fn(f32, &str)) -> Result<(), TransactError> {
    if transaction.rung == Rung::Apt && device.dpkg.was_interrupted() {
        let lock = device.lock.acquire(device.settings.packages.lock_timeout).map_err(TransactError::Untouched)?;
        device.dpkg.settle().map_err(TransactError::Untouched)?;
        // apt takes it itself.
        drop(lock);
    }
    let inventory = device.dpkg.inventory(&device.architecture).map_err(TransactError::Untouched)?;
    // apt purges all that go in one run, or none; and of a half-installed package it keeps the configuration.
    let share = if transaction.purge.is_empty() { 1.0 } else { 0.8 };
    let first = Run::first(transaction, &inventory);
    first.carry_out(device, transaction, &|percent, text| progress(percent * share, text))?;
    if transaction.purge.is_empty() {
        return Ok(());
    }
    let touched = |failure| TransactError::Touched { failure, script: None };
    let inventory = device.dpkg.inventory(&device.architecture).map_err(touched)?;
    let later = |percent: f32, text: &str| progress(share * 100.0 + percent * (1.0 - share), text);
    let second = Run::second(transaction, &inventory).carry_out(device, transaction, &later);
    second.map_err(|error| match error {
        TransactError::Untouched(failure) if first.is_empty() => TransactError::Untouched(failure),
        TransactError::Untouched(failure) => touched(failure),
        TransactError::Touched { .. } => error,
    })
}

/// One call of apt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run<'a> {
    /// Archives that are not in place yet.
    pub(super) install: Vec<&'a Archive>,
    /// Whether one of them is there in the same version, damaged.
    pub(super) reinstall: bool,
    /// Whether something is unpacked already and only has to be configured.
    pub(super) configure: bool,
    /// Packages that go.
    pub(super) remove: Vec<&'a PackageRef>,
    /// How they go.
    pub(super) removals: Removals,
    /// Whether dpkg's status is still the one that was planned on.
    pub(super) is_first: bool,
}

impl<'a> Run<'a> {
    /// Everything but the purging that needs a run of its own.
    pub(super) fn first(transaction: &'a Transaction, inventory: &Inventory) -> Self {
        let removals = match (transaction.remove.is_empty(), transaction.purge.is_empty()) {
            (true, true) => Removals::Forbidden,
            (true, false) => Removals::Purge,
            (false, _) => Removals::Keep,
        };
        let mut run = Self {
            install: Vec::new(),
            reinstall: false,
            configure: false,
            remove: Vec::new(),
            removals,
            is_first: true,
        };
        for archive in &transaction.install {
            match standing(archive, inventory) {
                Standing::InPlace => {}
                Standing::Unpacked => run.configure = true,
                Standing::Damaged => {
                    run.reinstall = true;
                    run.install.push(archive);
                }
                Standing::Other => run.install.push(archive),
            }
        }
        let going = transaction.remove.iter().chain(&transaction.purge);
        run.remove = going.filter(|package| goes(package, removals, inventory)).collect();
        run
    }

    /// Purges what the first run only removed.
    pub(super) fn second(transaction: &'a Transaction, inventory: &Inventory) -> Self {
        let removals = Removals::Purge;
        let remove = transaction.purge.iter().filter(|package| goes(package, removals, inventory)).collect();
        Self { install: Vec::new(), reinstall: false, configure: false, remove, removals, is_first: false }
    }

    fn is_empty(&self) -> bool {
        self.install.is_empty() && self.remove.is_empty() && !self.configure
    }

    fn carry_out(
        &self,
        device: &AptDevice,
        transaction: &Transaction,
        progress: &dyn Fn(f32, &str),
    ) -> Result<(), TransactError> {
        if self.is_empty() {
            progress(100.0, "nothing to do");
            return Ok(());
        }
        let exchange = device.exchange();
        exchange.state(&self.expectation(device, transaction)).map_err(|error| {
            let message = format!("cannot write {}: {error}", exchange.expectation().display());
            TransactError::Untouched(Failure::new(Reason::State, message))
        })?;
        let command = self.command(device, transaction.rung).map_err(TransactError::Untouched)?;
        let ended = command.run_with_status(&mut |line| {
            if let Some(Report::Package(percent, text)) = status_fd::parse(line) {
                progress(percent, &text);
            }
        });
        let (failure, script) = match ended {
            Ok(finished) if finished.success() => {
                if exchange.has_passed() || (self.install.is_empty() && self.remove.is_empty()) {
                    return Ok(());
                }
                let message = "apt ended well without our check; look at DPkg::Pre-Install-Pkgs in its configuration";
                (Failure::new(Reason::ResultDiffers, message), None)
            }
            Ok(finished) => {
                let failure = complaint::of_transaction(&finished.stdout, &finished.stderr);
                if let (false, refusal) = (exchange.has_passed(), exchange.refused()) {
                    return Err(TransactError::Untouched(refusal.unwrap_or(failure)));
                }
                (failure, complaint::script(&finished.stderr))
            }
            Err(error @ CommandError::Start { .. }) => {
                return Err(TransactError::Untouched(Failure::new(Reason::AptFailed, error.to_string())));
            }
            Err(error @ CommandError::Timeout { .. }) if !exchange.has_passed() => {
                return Err(TransactError::Untouched(Failure::new(Reason::AptFailed, error.to_string())));
            }
            Err(error @ CommandError::Timeout { .. }) => (Failure::new(Reason::ApplyFailed, error.to_string()), None),
        };
        Err(TransactError::Touched { failure, script })
    }

    fn expectation(&self, device: &AptDevice, transaction: &Transaction) -> Expectation {
        Expectation {
            native: device.architecture.clone(),
            status_file: device.dpkg.status_file(),
            status: if self.is_first { transaction.status } else { None },
            install: self.install.iter().map(|archive| (*archive).clone()).collect(),
            remove: self.remove.iter().map(|package| (*package).clone()).collect(),
        }
    }

    fn command(&self, device: &AptDevice, rung: Rung) -> Result<Command, Failure> {
        let settings = &device.settings;
        for folder in ["offline/lists/partial", "offline/cache/archives/partial"] {
            device.make_folder(folder)?;
        }
        let expectation = device.exchange().expectation();
        let hook = config::Hook { program: device.program(), expectation: &expectation };
        let mut config = config::transaction(&settings.work, &settings.packages, &hook, self.removals);
        let mut command = device.apt("apt-get")?;
        match rung {
            Rung::Apply => {}
            Rung::Apt | Rung::Dpkg => {
                let bare = device.write_config("bare.conf", &config::bare(device.base_config()))?;
                command = command.env("APT_CONFIG", bare);
                config = config.set("DPkg::Path", "/usr/sbin:/usr/bin:/sbin:/bin");
            }
        }
        command = command.arg("-c").arg(device.write_config("transaction.conf", &config)?);
        command = command.args(["-o", "APT::Status-Fd=3"]);
        if self.reinstall {
            command = command.arg("--reinstall");
        }
        command = command.arg("install").args(self.install.iter().map(|archive| &archive.path));
        let going = self.remove.iter().map(|package| format!("{}-", device.argument(&package.package)));
        Ok(command.args(going).unit(device.unit()))
    }
}

/// How a package stands to the archive that is to be installed.
enum Standing {
    /// In place and configured.
    InPlace,
    /// Its files are in place.
    Unpacked,
    /// The same version, but its files cannot be relied on.
    Damaged,
    /// Not there, or in another version.
    Other,
}

fn standing(archive: &Archive, inventory: &Inventory) -> Standing {
    let Some(record) = inventory.packages.get(&archive.package) else { return Standing::Other };
    if record.version.as_ref() != Some(&archive.version) || record.architecture != archive.architecture {
        return Standing::Other;
    }
    match record.status.as_str() {
        "config-files" | "not-installed" => Standing::Other,
        "half-installed" => Standing::Damaged,
        _ if record.flag != "ok" => Standing::Damaged,
        "installed" => Standing::InPlace,
        _ => Standing::Unpacked,
    }
}

/// Whether there is something of a package that has to go.
pub(super) fn goes(package: &PackageRef, removals: Removals, inventory: &Inventory) -> bool {
    let status = inventory.packages.get(&package.package).map(|PackageRecord { status, .. }| status.as_str());
    match status {
        None | Some("not-installed") => false,
        Some("config-files") => removals == Removals::Purge,
        Some(_) => true,
    }
}
