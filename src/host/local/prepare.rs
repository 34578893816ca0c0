//! Everything that is brought to hand before the device is touched: new .debs, the restore point. And dropping it.

use belay_protocol::job::JobId;
use belay_protocol::{Failure, Reason};

use super::Inner;
use crate::clock;
use crate::host::ledger::{Phase, Transaction};
use crate::host::restore_point::{self, Context};
use crate::host::vault::ObjectKind;
use crate::host::{guard as guard_unit, health};
use crate::machine::{guard, pattern, policy};

impl Inner {
    pub(super) fn fetch(&mut self, job: JobId, tell: &dyn Fn(f32, &str)) -> Result<(), Failure> {
        let (open, plan) = self.planned(job)?;
        if !matches!(open.phase, Phase::Planned | Phase::Fetched) {
            return Err(out_of_order(job, "fetched", &open.phase));
        }
        self.judge_again(&open)?;
        let vault = &self.vault;
        let mut take = |change: &belay_protocol::plan::Change, path: &std::path::Path| {
            let expected = change.new.as_ref().map(|new| new.sha256);
            vault
                .import(path, expected, ObjectKind::Archive)
                .map(drop)
                .map_err(|failure| Failure::new(failure.reason, format!("{}: {}", change.package, failure.message)))
        };
        if !plan.is_empty() {
            self.device.fetch(&plan.changes, &mut take, tell)?;
        }
        self.ledger.enter(Phase::Fetched)
    }

    pub(super) fn capture(&mut self, job: JobId, tell: &dyn Fn(f32, &str)) -> Result<Vec<String>, Failure> {
        let (open, plan) = self.planned(job)?;
        match open.phase {
            Phase::Captured => return Ok(Vec::new()),
            Phase::Fetched => self.judge_again(&open)?,
            Phase::Opened
            | Phase::Planned
            | Phase::Applying
            | Phase::Applied
            | Phase::Verified
            | Phase::Committing
            | Phase::RollingBack { .. } => return Err(out_of_order(job, "captured", &open.phase)),
        }
        let id = self.ledger.entries().next_point;
        let paths = self.bundle_of(&open)?.map(|stored| stored.description.changed_paths()).unwrap_or_default();
        let context = Context {
            job,
            id,
            taken_at: clock::now(),
            request: &listed(&open),
            parent: self.ledger.entries().generation,
            vitals: health::vitals(self.device.root(), self.device.audit()?)?,
            rollback_file: &self.settings.rollback_file(),
            // The running program, also where an update of the agent itself has replaced its file.
            program: Some(std::path::Path::new("/proc/self/exe")),
            undo: self.settings.packages.undo,
            boot: touches_boot(&plan, &self.settings.rules.guard.boot),
            bundle: open.bundle.as_ref(),
            paths: &paths,
        };
        tell(0.0, "keeping what undo needs");
        let captured = restore_point::capture(&*self.device, &self.vault, &self.points_dir(), &plan, &context)?;
        if let Some(program) = &captured.stored.point.program {
            let kept = self.vault.path(&program.sha256, ObjectKind::Program);
            guard_unit::keep_copy(&self.settings.host_dir(), &kept)?;
        }
        self.ledger.write(|entries| {
            entries.next_point = id + 1;
            if let Some(open) = &mut entries.open {
                open.points = vec![id];
                open.phase = Phase::Captured;
            }
        })?;
        Ok(captured.warnings)
    }

    pub(super) fn discard(&mut self, job: JobId) -> Result<(), Failure> {
        let ours = self.ledger.entries().open.as_ref().is_some_and(|open| open.job == job);
        if !ours {
            return Ok(());
        }
        self.drop_prepared(job)?;
        self.ledger.write(|entries| entries.open = None)?;
        if let Err(failure) = self.prune_bundles() {
            tracing::warn!("bundles beyond bundle.keep_mb could not be dropped: {}", failure.message);
        }
        Ok(())
    }

    /// Drops the restore point of the open transaction, which changed nothing.
    pub(super) fn drop_prepared(&mut self, job: JobId) -> Result<(), Failure> {
        let Some(open) = &self.ledger.entries().open else { return Ok(()) };
        if open.phase.touches() {
            let message = format!("job {} may have changed the device; job {job} cannot take its place", open.job);
            return Err(Failure::new(Reason::Interrupted, message));
        }
        if open.phase == Phase::Captured && !open.request.is_rollback() {
            for id in open.points.clone() {
                restore_point::remove(&self.points_dir(), id)?;
            }
        }
        Ok(())
    }

    pub(super) fn planned(&self, job: JobId) -> Result<(Transaction, belay_protocol::plan::Plan), Failure> {
        let open = self.ledger.transaction(job)?.clone();
        let plan = open.plan.clone().ok_or_else(|| {
            Failure::new(Reason::State, format!("the ledger holds no plan of job {job}; ask for the update again"))
        })?;
        Ok((open, plan))
    }

    /// Runs policy and guard here as well: the daemon is not trusted to have done it.
    fn judge_again(&self, open: &Transaction) -> Result<(), Failure> {
        let rules = &self.settings.rules;
        let by_server = open.assignment.is_some();
        let request = policy::with_counting_approvals(&open.request, by_server, &rules.policy);
        let with_setting = |failure| policy::with_setting(failure, by_server, &rules.policy);
        policy::check(&request, &rules.policy, &self.clock.now()).map_err(with_setting)?;
        let Some(plan) = &open.plan else { return Ok(()) };
        let refusals = guard::refusals(plan, &listed(open), request.closure(), &rules.guard, &self.facts()?);
        guard::judge(refusals, request.approvals()).map_err(with_setting)
    }
}

fn out_of_order(job: JobId, what: &str, phase: &Phase) -> Failure {
    Failure::new(Reason::State, format!("job {job} cannot be {what} now: it is {phase:?}; ask for the update again"))
}

fn touches_boot(plan: &belay_protocol::plan::Plan, boot: &[String]) -> bool {
    plan.changes.iter().any(|change| boot.iter().any(|glob| pattern::matches(glob, change.package.name().as_str())))
}

/// The list that an update asked for; empty for a rollback.
pub(super) fn listed(open: &Transaction) -> belay_protocol::PackageList {
    match &open.request {
        belay_protocol::job::Request::Update { packages, .. } => packages.clone(),
        belay_protocol::job::Request::Rollback { .. } => belay_protocol::PackageList::default(),
    }
}
