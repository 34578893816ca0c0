//! Carrying a bundle out: its script over an overlay and what that changed path by path, or on the root itself.

use belay_protocol::{Failure, Reason};

use super::super::Inner;
use crate::host::bundle::capture::{self, Rehearsal};
use crate::host::bundle::files::FilePlan;
use crate::host::bundle::services;
use crate::host::bundle::store::Stored;
use crate::host::disk;
use crate::host::ledger::{Protection, Transaction};
use crate::machine::guard;

type Tell<'a> = &'a dyn Fn(f32, &str);

/// Bytes beside the files themselves: what the archive's names and the sealed plan take.
const RECORDS: u64 = 8 << 20;

impl Inner {
    /// Installs the bundle of a transaction. Sets `touched` before the first thing that it changes on the device. Returns
    /// why the device must start again, where it must.
    pub(in crate::host::local) fn install_bundle(
        &mut self,
        open: &Transaction,
        tell: Tell<'_>,
        touched: &mut bool,
    ) -> Result<Option<String>, Failure> {
        let (Some(stored), Some(part)) = (self.bundle_of(open)?, &open.bundle) else { return Ok(None) };
        let root = self.device.root().to_owned();
        let running = services::active(&root, &stored.description.stop)?;
        if !running.is_empty() {
            tell(50.0, "stopping services");
            // Noted first: whoever goes back has to know which to start again.
            self.note_units(&running, &[])?;
            *touched = true;
            services::stop(&root, &running)?;
        }
        tell(60.0, "running the install script");
        let (calls, mut reboot, units_changed) = match part.protection {
            Protection::Captured => self.install_captured(open, &stored, tell, touched)?,
            Protection::Paths | Protection::Script | Protection::Previous { .. } | Protection::Nothing => {
                *touched = true;
                let script = self.script(open, &stored, stored.description.script(), "direct")?;
                self.note(capture::run_directly(&root, &self.scratch(), &script)?);
                (Vec::new(), None, true)
            }
        };
        tell(90.0, "starting services");
        services::start(&root, &running)?;
        self.note(services::carry_out(&root, &calls, &stored.description.restart, units_changed)?);
        if stored.description.reboot {
            reboot = reboot.or(Some("the bundle asks for it".to_owned()));
        }
        Ok(reboot)
    }

    /// Notes in the ledger which units were stopped, and which run something else since.
    fn note_units(&mut self, stopped: &[String], changed: &[String]) -> Result<(), Failure> {
        self.ledger.write(|entries| {
            let Some(part) = entries.open.as_mut().and_then(|open| open.bundle.as_mut()) else { return };
            part.stopped.extend(stopped.iter().cloned());
            part.units.extend(changed.iter().cloned());
            part.units.sort();
            part.units.dedup();
        })
    }

    fn install_captured(
        &mut self,
        open: &Transaction,
        stored: &Stored,
        tell: Tell<'_>,
        touched: &mut bool,
    ) -> Result<(Vec<capture::ServiceCall>, Option<String>, bool), Failure> {
        let root = self.device.root().to_owned();
        let script = self.script(open, stored, stored.description.script(), "captured")?;
        let rehearsal = capture::rehearse(&root, &self.scratch(), &script)?;
        tell(70.0, "comparing what it changed");
        let plan = FilePlan::of(&root, &rehearsal, &self.settings.state_dir)?;
        self.judge_files(open, &plan)?;
        let points = self.load_points(&open.points)?;
        let point = points.first().ok_or_else(|| {
            Failure::new(Reason::State, format!("job {} has no restore point; nothing was changed", open.job))
        })?;
        tell(75.0, "keeping what it replaces");
        let kept = plan.archive(&root, &rehearsal, &point.folder)?;
        self.note(kept);
        tell(80.0, "putting its files in place");
        let called: Vec<String> = rehearsal.calls.iter().flat_map(|call| call.units.clone()).collect();
        self.note_units(&[], &called)?;
        *touched = true;
        plan.apply(&root, &rehearsal)?;
        let units_changed = plan.shown().iter().any(|change| change.path.contains("/systemd/system/"));
        let Rehearsal { calls, reboot, notes, .. } = rehearsal;
        self.note(notes);
        Ok((calls, reboot, units_changed))
    }

    /// The guard's word on what a script changed, and whether the disk can hold it.
    fn judge_files(&self, open: &Transaction, plan: &FilePlan) -> Result<(), Failure> {
        let rules = &self.settings.rules.guard;
        let refusals = guard::path_refusals(&plan.shown(), rules);
        guard::judge(refusals, open.request.approvals())?;
        let needed = plan.growth().saturating_add(rules.reserve_bytes).saturating_add(RECORDS);
        let free = disk::free_bytes(self.device.root()).unwrap_or(u64::MAX);
        if needed <= free {
            return Ok(());
        }
        let message = format!(
            "the disk has {} MB free and the bundle needs {} MB with the reserve; free {} MB, then ask again",
            free >> 20,
            needed.div_ceil(1 << 20),
            (needed - free).div_ceil(1 << 20)
        );
        Err(Failure::new(Reason::NoSpace, message))
    }

    /// Keeps what a person should know of the job that runs, for its end.
    pub(in crate::host::local) fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            tracing::warn!("{note}");
            self.notes.push(note);
        }
    }
}
