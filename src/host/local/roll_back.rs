//! Going back: of an update that failed, or of generations that were asked to be undone.

use belay_protocol::job::{Generation, JobId, JobState};
use belay_protocol::{Failure, Reason, ReleaseVersion};

use super::Inner;
use crate::clock;
use crate::host::ledger::{Phase, Transaction, verdict};
use crate::host::restore_point::{self, Stored, UndoneMark};
use crate::machine::UNDO_ATTEMPTS;
use crate::machine::effect::{Denied, Undone};

/// How often going back may be begun at all: power cuts may hit it again and again, a script that resets the board
/// would do so for ever.
const BEGINNINGS: u32 = 10;

impl Inner {
    pub(super) fn roll_back(
        &mut self,
        job: JobId,
        because: &Failure,
        tell: &dyn Fn(f32, &str),
    ) -> Result<Undone, Failure> {
        if let Some(closed) = self.ledger.verdict(job).filter(|closed| closed.end == JobState::RolledBack) {
            return Ok(Undone { generation: closed.generation, forced: Vec::new(), reported: Vec::new() });
        }
        let open = self.ledger.transaction(job)?.clone();
        if let Some(stuck) = open.stuck {
            return Err(stuck);
        }
        if leads_nowhere(&open) {
            return self.unmark(&open, because);
        }
        self.keep_out = None;
        // What was touched before this call stays touched; this call says itself when it begins to touch.
        let mut touched = open.phase.touches();
        match self.try_roll_back(&open, because, tell, &mut touched) {
            Ok(undone) => Ok(undone),
            Err(failure) if touched => Err(self.tried(failure)?),
            Err(failure) => {
                for stored in self.load_points(&open.points)? {
                    stored.abandon_undo()?;
                }
                self.ledger.enter(Phase::Planned)?;
                Err(failure)
            }
        }
    }

    /// Goes back from a release that changed nothing: the one before it is in force again.
    fn unmark(&mut self, open: &Transaction, because: &Failure) -> Result<Undone, Failure> {
        let generation = open.target;
        let closed = verdict(open, JobState::RolledBack, Some(because.clone()), generation, clock::now());
        self.ledger.close(closed, |entries| entries.unmark())?;
        let reported = vec!["the release had changed nothing, and neither did going back from it".to_owned()];
        Ok(Undone { generation, forced: Vec::new(), reported })
    }

    fn try_roll_back(
        &mut self,
        open: &Transaction,
        because: &Failure,
        tell: &dyn Fn(f32, &str),
        touched: &mut bool,
    ) -> Result<Undone, Failure> {
        let mut points = self.load_points(&open.points)?;
        if points.is_empty() {
            let message = format!("job {} has no restore point; what was done is not known", open.job);
            return Err(Failure::new(Reason::UndoFailed, message));
        }
        if open.undos >= BEGINNINGS {
            let message =
                format!("going back was begun {BEGINNINGS} times and never ended; the device may restart in it");
            return Err(Failure::new(Reason::UndoFailed, message));
        }
        self.ledger.write(|entries| {
            if let Some(open) = &mut entries.open {
                open.phase = Phase::RollingBack { because: because.clone() };
                open.undos += 1;
            }
        })?;
        let report = self.undo(&points, tell, touched)?;
        self.close_undone(open, &mut points, because, report)
    }

    /// Notes how a try on a touched device failed: after the last one, and where trying cannot help, a person must look.
    fn tried(&mut self, failure: Failure) -> Result<Failure, Failure> {
        // A busy lock says nothing about the way back: waiting for it again costs nothing.
        let busy = failure.reason == Reason::LockTimeout;
        let failure = match failure.reason.leaves_device_untouched() && !busy {
            true => Failure::new(Reason::UndoFailed, failure.message),
            false => failure,
        };
        let hopeless = failure.reason == Reason::ForeignChange;
        let stuck = failure.clone();
        self.ledger.write(|entries| {
            if let Some(open) = &mut entries.open {
                if busy {
                    open.undos = open.undos.saturating_sub(1);
                    return;
                }
                open.failed_undos += 1;
                if open.failed_undos >= UNDO_ATTEMPTS || open.undos >= BEGINNINGS || hopeless {
                    open.stuck = Some(stuck);
                }
            }
        })?;
        Ok(failure)
    }

    fn close_undone(
        &mut self,
        open: &Transaction,
        points: &mut [Stored],
        because: &Failure,
        report: super::undo::Report,
    ) -> Result<Undone, Failure> {
        let at = clock::now();
        let committed = points.iter().filter(|stored| stored.commit.is_some());
        let wanted = committed.filter_map(|stored| self.part_of(stored)).any(|part| part.reboot);
        let runs_new = wanted || (open.reboot.is_some() && !self.awaits_reboot(open)?);
        // Oldest last: the newest holds the record of which paths go back, and a repeated try needs it.
        for stored in points.iter_mut().rev() {
            stored.mark_undone(UndoneMark { job: open.job, at })?;
        }
        let generation = open.target;
        let mut why = because.clone();
        for note in report.forced.iter().chain(&report.reported) {
            why.message.push_str("; ");
            why.message.push_str(note);
        }
        let closed = verdict(open, JobState::RolledBack, Some(why), generation, at);
        // A power cut says nothing about the versions that it hit.
        let blamed = because.reason != Reason::Interrupted;
        let left: Vec<Denied> = points.iter().filter(|_| blamed).flat_map(left_versions).collect();
        let releases: Vec<ReleaseVersion> = points
            .iter()
            .filter(|_| blamed)
            .filter_map(|stored| Some(stored.point.bundle.as_ref()?.version.clone()))
            .collect();
        let undone_points: Vec<Generation> = points.iter().map(|stored| Generation(stored.point.id)).collect();
        self.ledger.close(closed, |entries| {
            entries.generation = generation;
            entries.generations.retain(|entry| !undone_points.contains(&entry.generation));
            for denied in left {
                entries.deny(denied);
            }
            releases.into_iter().for_each(|release| entries.deny_release(release));
        })?;
        self.retire();
        let mut reported = report.reported;
        reported.extend(self.reboot_after_undo(runs_new));
        Ok(Undone { generation, forced: report.forced, reported })
    }

    /// Reads restore points, newest first.
    pub(super) fn load_points(&self, ids: &[u64]) -> Result<Vec<Stored>, Failure> {
        ids.iter().map(|id| restore_point::load(&self.points_dir(), *id)).collect()
    }
}

/// Whether a way back was planned from a release that changed nothing.
fn leads_nowhere(open: &Transaction) -> bool {
    let planned = open.plan.as_ref().is_some_and(|plan| plan.is_empty());
    planned && open.request.is_rollback() && open.points.is_empty() && open.phase == Phase::Planned
}

/// The listed versions that a way back leaves. What came along with them is not to blame.
pub(super) fn left_versions(stored: &Stored) -> impl Iterator<Item = Denied> + '_ {
    stored.point.packages.iter().filter(|captured| stored.point.request.names(&captured.package)).filter_map(
        |captured| {
            let new = captured.new.as_ref()?;
            Some(Denied { package: captured.package.clone(), version: new.version.clone() })
        },
    )
}
