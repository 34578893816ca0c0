//! The ladder: make the device match its restore points, by the gentlest means that works.
//!
//! apt from the vault, once more, then dpkg with named forces, then with the one maintainer script that stopped it
//! neutralised, then unpacking the .debs ourselves. After each rung the database is asked what is left to do: exit
//! codes say nothing, dpkg's states do.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use belay_protocol::job::Generation;
use belay_protocol::plan::{Action, Candidate, Change, Installed};
use belay_protocol::{Failure, PackageId, Reason};

use super::Inner;
use crate::host::device::{Archive, Inventory, Mend, PackageRecord, PackageRef, Rung, TransactError, Transaction};
use crate::host::disk;
use crate::host::health::systemd;
use crate::host::restore_point::{RestorePoint, Stored};
use crate::host::settle::Settling;
use crate::host::vault::ObjectKind;
use crate::host::{leftovers, undo};

/// Which restore points lead where.
pub(super) struct Route {
    /// Newest first.
    pub(super) points: Vec<u64>,
    /// The generation that they lead to.
    pub(super) target: Generation,
    /// Whether an earlier way back, or a failed update, was left unfinished.
    pub(super) unfinished: bool,
}

/// What a way back has to tell.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Maintainer scripts neutralised.
    pub(super) forced: Vec<String>,
    /// Differences left alone.
    pub(super) reported: Vec<String>,
}

/// How many maintainer scripts may be neutralised in one way back.
const SCRIPTS: usize = 8;

impl Inner {
    /// Makes the device match the oldest of these points, newest first.
    /// Sets `touched` before the first thing that it changes on the device.
    pub(super) fn undo(
        &mut self,
        points: &[Stored],
        tell: &dyn Fn(f32, &str),
        touched: &mut bool,
    ) -> Result<Report, Failure> {
        let rollback_file = self.settings.rollback_file();
        let on_the_way: Vec<&Stored> = points.iter().collect();
        let settling =
            Settling { device: &*self.device, vault: &self.vault, points: &on_the_way, rollback_file: &rollback_file };
        // An apt that a crash orphaned may still be at work, or only about to be: the one must end, the other not begin.
        self.device.call_off()?;
        drop(self.device.lock()?);
        if let Ok(inventory) = self.device.inventory() {
            self.check_archives(&self.way_back(points, &inventory, Rung::Apt))?;
        }
        *touched = true;
        for stored in points {
            let database = stored.database(self.device.root(), self.device.architecture());
            database.restore_status_if_broken(&stored.point.suspects())?;
            database.restore_info_if_broken()?;
            stored.release_reserve()?;
        }
        settling.prepare()?;
        let mut report = Report::default();
        tell(5.0, "putting the files of bundles back");
        let withdrawn = self.withdraw(points)?;
        self.climb(points, tell, &mut report)?;
        tell(80.0, "clearing away what an interrupted dpkg left");
        report.reported = leftovers::remove(&*self.device, &self.vault, points)?;
        report.reported.extend(withdrawn);
        tell(90.0, "putting files, marks and holds back");
        report.reported.extend(settling.settle()?);
        let tree = settling.measure()?;
        let differences = undo::differences(&bare(points), &settling.paths(&tree), &self.device.inventory()?, &tree);
        if differences.is_empty() {
            report.reported.extend(self.restart_units(points));
            if systemd::runs(self.device.root())
                && let Err(error) = systemd::forget_gone()
            {
                tracing::warn!("what failed and is gone is still listed as failed: {error}");
            }
            return Ok(report);
        }
        Err(Failure::new(Reason::UndoFailed, format!("the device is not as it was: {}", differences.join("; "))))
    }

    fn climb(&self, points: &[Stored], tell: &dyn Fn(f32, &str), report: &mut Report) -> Result<(), Failure> {
        let mut stopped_by: Option<(PackageId, String)> = None;
        let mut silenced: BTreeSet<(PackageId, String)> = BTreeSet::new();
        let mut last = Failure::new(Reason::UndoFailed, "going back did not change anything");
        for rung in [Rung::Apt, Rung::Apt, Rung::Dpkg, Rung::Dpkg] {
            for _ in 0..SCRIPTS {
                let inventory = self.device.inventory()?;
                let transaction = self.way_back(points, &inventory, rung);
                if is_done(&transaction) {
                    return Ok(());
                }
                self.check_archives(&transaction)?;
                match self.device.transact(&transaction, tell) {
                    Ok(()) => break,
                    Err(error) => {
                        let (failure, script) = split(error);
                        self.refuse_foreign(points, &failure, &inventory)?;
                        last = failure;
                        stopped_by = script.or(stopped_by);
                    }
                }
                // The script has had its second chance on apt's rung; on dpkg's it no longer stands in the way.
                match (rung, stopped_by.take()) {
                    (Rung::Dpkg, Some(script)) if silenced.insert(script.clone()) => {
                        // One that only the .debs hold cannot be; the last rung runs no script at all.
                        if let Err(failure) = self.neutralise(&script, &inventory, report) {
                            last = failure;
                            break;
                        }
                    }
                    (_, script) => {
                        stopped_by = script;
                        break;
                    }
                }
            }
        }
        self.unpack(points, report)
            .map_err(|failure| Failure::new(failure.reason, format!("{}; before: {}", failure.message, last.message)))
    }

    /// The last rung: files from the .debs and the database from its copy, without apt and dpkg.
    fn unpack(&self, points: &[Stored], report: &mut Report) -> Result<(), Failure> {
        let transaction = self.way_back(points, &self.device.inventory()?, Rung::Dpkg);
        if is_done(&transaction) {
            return Ok(());
        }
        for archive in &transaction.install {
            self.device.mend(&Mend::Unpack(archive.clone()))?;
            let what = format!("{} {}", archive.package, archive.version);
            report.forced.push(format!("undone_forced: {what} was unpacked without dpkg, its scripts were not run"));
        }
        let restore_points = bare(points);
        for (package, (at, _)) in undo::targets(&restore_points) {
            let database = points[at].database(self.device.root(), self.device.architecture());
            database.remove_newer_files(&package)?;
            database.restore_info_of(&package)?;
            database.patch_status(&[package])?;
        }
        Ok(())
    }

    fn neutralise(
        &self,
        (package, script): &(PackageId, String),
        inventory: &Inventory,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(record) = inventory.packages.get(package) else { return Ok(()) };
        let reference = PackageRef { package: package.clone(), architecture: record.architecture.clone() };
        self.device.mend(&Mend::Neutralise { package: reference, script: script.clone() })?;
        report.forced.push(format!("undone_forced: the {script} script of {package} failed twice and was not run"));
        Ok(())
    }

    /// The inverse transaction, as far as it is still to do.
    pub(super) fn way_back(&self, points: &[Stored], inventory: &Inventory, rung: Rung) -> Transaction {
        undo::inverse(&bare(points), inventory, &|sha256| self.vault.path(sha256, ObjectKind::Archive), rung)
    }

    pub(super) fn check_archives(&self, transaction: &Transaction) -> Result<(), Failure> {
        for archive in &transaction.install {
            if let Err(failure) = self.vault.verify(&archive.sha256, ObjectKind::Archive) {
                self.fetch_again(archive).map_err(|_| name_damage(failure, archive))?;
            }
        }
        Ok(())
    }

    /// Looks for a .deb that the vault lost in apt's cache and in the archive; only the same bytes will do.
    fn fetch_again(&self, archive: &Archive) -> Result<(), Failure> {
        let record = PackageRecord {
            package: archive.package.clone(),
            architecture: archive.architecture.clone(),
            version: Some(archive.version.clone()),
            want: String::new(),
            flag: String::new(),
            status: String::new(),
            conffiles: Vec::new(),
            installed_kib: 0,
            essential: false,
        };
        let scratch = self.settings.host_dir().join("scratch");
        disk::make_folder(&scratch)?;
        let found = self.device.archive_of(&record, &scratch);
        let taken = found.and_then(|(path, _)| self.vault.import(&path, Some(archive.sha256), ObjectKind::Archive));
        disk::remove_folder(&scratch)?;
        taken.map(drop)
    }

    fn refuse_foreign(&self, points: &[Stored], failure: &Failure, inventory: &Inventory) -> Result<(), Failure> {
        if failure.reason != Reason::UnmetDependency {
            return Ok(());
        }
        let Some(newest) = points.first() else { return Ok(()) };
        let ours = undo::targets(&bare(points));
        let before = newest.database(self.device.root(), self.device.architecture()).versions()?;
        let foreign: Vec<String> = inventory
            .packages
            .values()
            .filter(|record| !ours.contains_key(&record.package) && record.is_installed())
            .filter(|record| before.get(&record.package) != record.version.as_ref())
            .map(|record| {
                let version = record.version.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{} {version}", record.package)
            })
            .collect();
        if foreign.is_empty() {
            return Ok(());
        }
        let message = format!(
            "packages that others installed since stand in the way of going back ({}): {}; remove them, then ask for the rollback again",
            failure.message,
            foreign.join(", ")
        );
        Err(Failure::new(Reason::ForeignChange, message))
    }

    pub(super) fn refuse_drift(&self, points: &[Stored], inventory: &Inventory) -> Result<(), Failure> {
        let drift = self.drift(points, inventory)?;
        if drift.is_empty() {
            return Ok(());
        }
        let message = format!(
            "others changed what this would undo: {}; approve `drift` to go back all the same (--approve drift)",
            drift.join("; ")
        );
        Err(Failure::new(Reason::Drift, message))
    }

    /// What others changed since these generations, newest first, were committed.
    pub(super) fn drift(&self, points: &[Stored], inventory: &Inventory) -> Result<Vec<String>, Failure> {
        let on_the_way: Vec<&Stored> = points.iter().collect();
        let rollback_file = self.settings.rollback_file();
        let settling =
            Settling { device: &*self.device, vault: &self.vault, points: &on_the_way, rollback_file: &rollback_file };
        let mut drift = undo::drift(&on_the_way, inventory, &settling.measure()?);
        drift.extend(self.files_drift(points, true)?);
        Ok(drift)
    }
}

fn bare(points: &[Stored]) -> Vec<&RestorePoint> {
    points.iter().map(|stored| &stored.point).collect()
}

/// Names the package beside the object.
pub(super) fn name_damage(failure: Failure, archive: &Archive) -> Failure {
    Failure::new(failure.reason, format!("{} {}: {}", archive.package, archive.version, failure.message))
}

/// A transaction as a plan shows it.
pub(super) fn as_changes(transaction: &Transaction, inventory: &Inventory) -> Vec<Change> {
    let old = |package: &PackageId| {
        let record = inventory.packages.get(package)?;
        Some(Installed { version: record.version.clone()?, architecture: record.architecture.clone() })
    };
    let installs = transaction.install.iter().map(|archive| {
        let before = old(&archive.package);
        let action = match before.as_ref().map(|before| before.version.debian_cmp(&archive.version)) {
            None => Action::Install,
            Some(Ordering::Less) => Action::Upgrade,
            Some(Ordering::Greater) => Action::Downgrade,
            Some(Ordering::Equal) => Action::Reinstall,
        };
        let new = Candidate {
            version: archive.version.clone(),
            architecture: archive.architecture.clone(),
            origins: vec!["vault".to_owned()],
            uri: archive.path.display().to_string(),
            file_name: archive.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            size: std::fs::metadata(&archive.path).map_or(0, |metadata| metadata.len()),
            sha256: archive.sha256,
        };
        Change { package: archive.package.clone(), action, old: before, new: Some(new), asked: true, held: false }
    });
    let goes = |reference: &PackageRef, action| Change {
        package: reference.package.clone(),
        action,
        old: old(&reference.package),
        new: None,
        asked: true,
        held: false,
    };
    let removes = transaction.remove.iter().map(|reference| goes(reference, Action::Remove));
    let purges = transaction.purge.iter().map(|reference| goes(reference, Action::Purge));
    installs.chain(removes).chain(purges).collect()
}

fn is_done(transaction: &Transaction) -> bool {
    transaction.install.is_empty() && transaction.remove.is_empty() && transaction.purge.is_empty()
}

fn split(error: TransactError) -> (Failure, Option<(PackageId, String)>) {
    match error {
        TransactError::Untouched(failure) => (failure, None),
        TransactError::Touched { failure, script } => (failure, script),
    }
}
