//! Applying, and measuring the health afterwards.

use std::time::Duration;

use belay_protocol::health::Health;
use belay_protocol::job::{JobId, JobState};
use belay_protocol::plan::{Action, Change, Plan};
use belay_protocol::{Failure, Reason};

use super::Inner;
use super::prepare::listed;
use crate::host::device::{Archive, Inventory, PackageRef, Rung, TransactError, Transaction};
use crate::host::health::systemd;
use crate::host::ledger::{PendingReboot, Phase};
use crate::host::vault::ObjectKind;
use crate::host::{health, marks};
use crate::machine::effect::Applied;
use crate::machine::rescue::units;
use crate::machine::rules::{CheckSpec, Probe};
use crate::machine::{UNDO_ATTEMPTS, gate};

impl Inner {
    pub(super) fn apply(&mut self, job: JobId, tell: &dyn Fn(f32, &str)) -> Applied {
        if let Some(verdict) = self.ledger.verdict(job) {
            return if verdict.end == JobState::Committed {
                Applied::Done
            } else {
                Applied::Touched(Failure::new(Reason::Interrupted, verdict.message.clone()))
            };
        }
        let (open, plan) = match self.planned(job) {
            Ok(planned) => planned,
            Err(failure) => return Applied::Touched(failure),
        };
        match open.phase {
            Phase::Captured => {}
            Phase::Applied => return done(Vec::new(), open.reboot.map(|pending| pending.why)),
            Phase::Verified | Phase::Committing => return Applied::Done,
            Phase::Opened | Phase::Planned | Phase::Fetched => {
                return Applied::Untouched(Failure::new(
                    Reason::State,
                    "the restore point was not taken; nothing was changed",
                ));
            }
            Phase::Applying | Phase::RollingBack { .. } => {
                let message = "the update was interrupted while the device was being changed";
                return Applied::Touched(Failure::new(Reason::Interrupted, message));
            }
        }
        if let Err(failure) = self.ledger.enter(Phase::Applying) {
            return Applied::Untouched(failure);
        }
        let mut touched = false;
        self.notes.clear();
        let wanted_before = self.device.reboot_wanted();
        let carried = self.carry_out(&open, &plan, tell, &mut touched).and_then(|reboot| {
            let new = self.device.reboot_wanted().filter(|_| wanted_before.is_none());
            let pending = self.pending(reboot.or(new))?;
            self.receipt_of_change(pending.clone())?;
            Ok(pending.map(|pending| pending.why))
        });
        if let Err(failure) = self.clear_scratch() {
            tracing::warn!("what the script wrote is removed later: {}", failure.message);
        }
        match carried {
            Ok(reboot) => done(std::mem::take(&mut self.notes), reboot),
            Err(failure) if touched => Applied::Touched(failure),
            Err(failure) => match self.ledger.enter(Phase::Captured) {
                Ok(()) => Applied::Untouched(failure),
                Err(state) => Applied::Touched(state),
            },
        }
    }

    /// Changes packages, then files. Sets `touched` before the first thing that may have been changed. Returns why the
    /// device must start again, where the bundle says so.
    fn carry_out(
        &mut self,
        open: &crate::host::ledger::Transaction,
        plan: &Plan,
        tell: &dyn Fn(f32, &str),
        touched: &mut bool,
    ) -> Result<Option<String>, Failure> {
        if !plan.is_empty() {
            match self.device.transact(&self.as_transaction(plan), tell) {
                Err(TransactError::Untouched(failure)) => return Err(failure),
                Err(TransactError::Touched { failure, .. }) => {
                    *touched = true;
                    return Err(Failure::new(Reason::ApplyFailed, failure.message));
                }
                Ok(()) => *touched = true,
            }
            self.finish(open, plan)?;
        }
        self.install_bundle(open, tell, touched)
    }

    fn receipt_of_change(&mut self, pending: Option<PendingReboot>) -> Result<(), Failure> {
        self.ledger.write(|entries| {
            if let Some(open) = &mut entries.open {
                open.phase = Phase::Applied;
                if let Some(part) = open.bundle.as_mut() {
                    part.reboot |= pending.is_some();
                }
                open.reboot = pending;
            }
        })
    }

    /// Sets the marks right, checks that the result is the plan.
    fn finish(&mut self, open: &crate::host::ledger::Transaction, plan: &Plan) -> Result<(), Failure> {
        let list = listed(open);
        for stored in self.load_points(&open.points)? {
            let marked = stored.point.packages.iter().filter(|captured| captured.new.is_some()).map(|captured| {
                let automatic = captured.automatic || captured.old.as_ref().is_none_or(|old| !old.is_installed());
                (captured.package.clone(), automatic && !list.names(&captured.package))
            });
            marks::set(self.device.root(), self.device.architecture(), &marked.collect())?;
        }
        let inventory = self.device.inventory()?;
        let differences = unlike(plan, &inventory);
        if !differences.is_empty() {
            let message = format!("apt ended well, but the result is not the plan: {}", differences.join("; "));
            return Err(Failure::new(Reason::ResultDiffers, message));
        }
        Ok(())
    }

    fn as_transaction(&self, plan: &Plan) -> Transaction {
        let mut transaction = Transaction {
            install: Vec::new(),
            remove: Vec::new(),
            purge: Vec::new(),
            status: Some(plan.status),
            rung: Rung::Apply,
        };
        for change in &plan.changes {
            match (&change.new, &change.old, change.action) {
                (Some(new), _, _) => transaction.install.push(Archive {
                    package: change.package.clone(),
                    version: new.version.clone(),
                    architecture: new.architecture.clone(),
                    path: self.vault.path(&new.sha256, ObjectKind::Archive),
                    sha256: new.sha256,
                }),
                (None, Some(old), Action::Purge) => transaction.purge.push(reference(change, &old.architecture)),
                (None, Some(old), Action::Remove) => transaction.remove.push(reference(change, &old.architecture)),
                (None, _, _) => {}
            }
        }
        transaction
    }

    pub(super) fn verify(&mut self, job: JobId, tell: &dyn Fn(f32, &str)) -> Result<Health, Failure> {
        if let Some(verdict) = self.ledger.verdict(job) {
            if verdict.end == JobState::Committed {
                return Ok(Health::default());
            }
            // Judged by another one meanwhile.
            let reason = verdict.reason.unwrap_or(Reason::Interrupted);
            return Err(Failure::new(reason, verdict.message.clone()));
        }
        let open = self.ledger.transaction(job)?.clone();
        match open.phase {
            Phase::Applied | Phase::Verified | Phase::Committing => {}
            Phase::Opened
            | Phase::Planned
            | Phase::Fetched
            | Phase::Captured
            | Phase::Applying
            | Phase::RollingBack { .. } => {
                let message = "the update was interrupted while the device was being changed";
                return Err(Failure::new(Reason::Interrupted, message));
            }
        }
        if self.awaits_reboot(&open)? {
            let message = "the device was not started again since the change; it cannot be judged";
            return Err(Failure::new(Reason::RebootFailed, message));
        }
        if self.keep_out.is_none() {
            self.keep_out = Some(self.device.lock()?);
        }
        if open.verifications >= UNDO_ATTEMPTS {
            let message = format!(
                "the health gate was begun {UNDO_ATTEMPTS} times and never ended; the device may restart in it"
            );
            return Err(Failure::new(Reason::Unhealthy, message));
        }
        self.ledger.write(|entries| {
            if let Some(open) = &mut entries.open {
                open.verifications += 1;
            }
        })?;
        let points = self.load_points(&open.points)?;
        let before = points.first().map(|stored| stored.point.vitals.clone()).unwrap_or_default();
        let mut gate_settings = self.settings.health.clone();
        if let Some(bundle) = self.bundle_of(&open)? {
            gate_settings.checks.extend(bundle.description.checks);
        }
        if systemd::runs(self.device.root()) && systemd::is_known(units::AGENT) {
            gate_settings.checks.push(daemon_is_up());
        }
        let checks = health::run_checks(self.device.root(), &gate_settings, tell);
        let after = health::vitals(self.device.root(), self.device.audit()?)?;
        let health = Health { before, after, checks };
        if matches!(gate::judge(&health), gate::Verdict::Healthy { .. }) {
            self.ledger.enter(Phase::Verified)?;
        }
        Ok(health)
    }
}

/// Whatever was updated, the daemon must be up afterwards, and stay up: without it nobody could order the way back.
fn daemon_is_up() -> CheckSpec {
    CheckSpec {
        name: "the agent's daemon".to_owned(),
        probe: Probe::InService(units::AGENT.to_owned()),
        required: true,
        grace: Duration::from_secs(30),
        interval: Duration::from_secs(2),
        retries: 0,
        timeout: Duration::from_secs(10),
        settle: Duration::from_secs(10),
    }
}

fn done(notes: Vec<String>, reboot: Option<String>) -> Applied {
    if notes.is_empty() && reboot.is_none() { Applied::Done } else { Applied::DoneWith { notes, reboot } }
}

/// Where the inventory is not what the plan wanted, one sentence each.
fn unlike(plan: &Plan, inventory: &Inventory) -> Vec<String> {
    let mut differences = Vec::new();
    for change in &plan.changes {
        let record = inventory.packages.get(&change.package);
        let wanted = match (&change.new, change.action) {
            (Some(new), _) => Some(&new.version),
            (None, Action::Configure) => change.old.as_ref().map(|old| &old.version),
            (None, _) => None,
        };
        let installed = record.filter(|record| record.is_installed()).and_then(|record| record.version.as_ref());
        if installed != wanted {
            let found = record.map_or("gone".to_owned(), |record| {
                let version = record.version.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{version} {}", record.status)
            });
            let wanted = wanted.map_or("gone".to_owned(), ToString::to_string);
            differences.push(format!("{} should be {wanted} and is {found}", change.package));
        }
    }
    differences
}

fn reference(change: &Change, architecture: &belay_protocol::Architecture) -> PackageRef {
    PackageRef { package: change.package.clone(), architecture: architecture.clone() }
}
