//! Commit: the job's new state becomes the generation in force, its restore point the way back.

use std::path::Path;

use belay_protocol::job::{Generation, JobId, JobState};
use belay_protocol::plan::Plan;
use belay_protocol::{Failure, Reason, ReleaseVersion};

use super::prepare::listed;
use super::{Inner, closure};
use crate::clock;
use crate::host::bundle::files::FilePlan;
use crate::host::ledger::{GenerationEntry, Phase, Transaction, verdict};
use crate::host::restore_point::{self, CapturedPackage, Commit};
use crate::host::rollback_file;
use crate::host::tree::{self, Tree};

impl Inner {
    pub(super) fn commit(&mut self, job: JobId) -> Result<Generation, Failure> {
        if let Some(closed) = self.ledger.verdict(job).filter(|closed| closed.end == JobState::Committed) {
            return Ok(closed.generation);
        }
        let (open, plan) = self.planned(job)?;
        let nothing = plan.is_empty() && open.request.bundle().is_none();
        if let (true, Phase::Planned, Some(release)) = (nothing, &open.phase, open.request.release()) {
            return self.commit_nothing(&open, &plan, release.clone());
        }
        match open.phase {
            Phase::Verified => self.ledger.enter(Phase::Committing)?,
            Phase::Committing => {}
            Phase::Opened
            | Phase::Planned
            | Phase::Fetched
            | Phase::Captured
            | Phase::Applying
            | Phase::Applied
            | Phase::RollingBack { .. } => {
                let message = format!("job {job} was not found healthy; it cannot be committed");
                return Err(Failure::new(Reason::State, message));
            }
        }
        let mut points = self.load_points(&open.points)?;
        let [stored] = &mut points[..] else {
            let message = format!("job {job} has no restore point; it cannot be committed");
            return Err(Failure::new(Reason::State, message));
        };
        let at = clock::now();
        let inventory = self.device.inventory()?;
        let list = listed(&open);
        // A bundle without packages says nothing about versions of packages.
        let text = match list.is_empty() {
            true => rollback_file::read(&self.settings.rollback_file())?,
            false => Some(rollback_file::text(&list, &inventory)),
        };
        let generation = Generation(stored.point.id);
        let after = Tree::measure(self.device.root(), &stored.point.scope)?;
        let left =
            |captured: &CapturedPackage| (captured.package.clone(), inventory.packages.get(&captured.package).cloned());
        let commit = Commit {
            generation,
            committed_at: at,
            touched: tree::diff(&stored.point.tree, &after),
            rollback_file: text.clone(),
            packages: stored.point.packages.iter().map(left).collect(),
            automatic: inventory.automatic.clone(),
        };
        stored.commit(commit)?;
        rollback_file::put(&self.settings.rollback_file(), text.as_deref())?;
        let entry = GenerationEntry {
            generation,
            parent: stored.point.parent,
            job,
            committed_at: at,
            changes: self.describe(&open, &plan, &stored.folder)?,
            release: open.bundle.as_ref().map(|part| &part.version).or(open.request.release()).cloned(),
            bundle: open.bundle.clone(),
            closure: Some(closure::resolved(&listed(&open), open.request.closure(), &plan, &inventory)),
        };
        let closed = verdict(&open, JobState::Committed, None, generation, at);
        self.ledger.close(closed, |entries| {
            entries.generation = generation;
            entries.generations.push(entry);
        })?;
        self.keep_out = None;
        self.retire();
        Ok(generation)
    }

    /// What a job changed, a line a package, and one for its bundle.
    fn describe(&self, open: &Transaction, plan: &Plan, folder: &Path) -> Result<Vec<String>, Failure> {
        let bundle = match &open.bundle {
            None => None,
            Some(part) => Some(match FilePlan::load(folder)?.map(|plan| plan.shown().len()) {
                Some(1) => format!("bundle {}: 1 path", part.version),
                Some(paths) => format!("bundle {}: {paths} paths", part.version),
                None => format!("bundle {}", part.version),
            }),
        };
        Ok(bundle.into_iter().chain(plan.changes.iter().map(belay_protocol::plan::Change::describe)).collect())
    }

    /// Notes that a release is in force which the device was as already. No generation: a way back would lead nowhere,
    /// and its restore point would push out one that leads somewhere.
    fn commit_nothing(
        &mut self,
        open: &Transaction,
        plan: &Plan,
        release: ReleaseVersion,
    ) -> Result<Generation, Failure> {
        // Others may have been at work since it was planned.
        if self.device.status_digest()? != plan.status {
            let message = "the packages were changed by others meanwhile; ask again";
            return Err(Failure::new(Reason::PlanChanged, message));
        }
        let inventory = self.device.inventory()?;
        let resolved = closure::resolved(&listed(open), open.request.closure(), plan, &inventory);
        let generation = self.ledger.entries().generation;
        let closed = verdict(open, JobState::Committed, None, generation, clock::now());
        self.ledger.close(closed, |entries| entries.mark(release, resolved))?;
        Ok(generation)
    }

    /// Drops what retention no longer keeps. A failure here costs space, not safety, so it only warns.
    pub(super) fn retire(&mut self) {
        let rules = self.settings.vault.clone();
        let pruned = self.prune(&rules).and_then(|_| self.prune_bundles()).and_then(|()| self.prune_logs());
        if let Err(failure) = pruned {
            tracing::warn!("old restore points, bundles or logs could not be dropped: {}", failure.message);
        }
    }

    /// Drops restore points beyond the rules, then what nothing names in the vault.
    pub(super) fn prune(&mut self, rules: &crate::config::settings::VaultSettings) -> Result<(Vec<u64>, u64), Failure> {
        let listing = restore_point::list(&self.points_dir())?;
        let open = self.ledger.entries().open.iter().flat_map(|open| open.points.clone()).collect();
        let (kept, dropped) = restore_point::keep(&restore_point::weigh(&listing.points), rules, &open, clock::now());
        if !dropped.is_empty() {
            self.ledger.write(|entries| {
                entries.drop_generations(&dropped);
            })?;
        }
        for id in &dropped {
            restore_point::remove(&self.points_dir(), *id)?;
        }
        // What a restore point that cannot be read would need is not known, so nothing goes while there is one.
        let freed = match listing.damaged.is_empty() {
            false => 0,
            true => {
                let kept = listing.points.iter().filter(|stored| kept.contains(&stored.point.id));
                self.vault.sweep(&kept.flat_map(|stored| stored.point.objects().into_keys()).collect())?
            }
        };
        Ok((dropped, freed))
    }
}
