//! A server that offers one attempt after the other and looks hard at what it is told.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{assignment, attempt, bundle_assignment, order_back};
use crate::machine::input::Input;
use crate::machine::outbox::Outbox;
use belay_protocol::job::JobId;
use belay_protocol::sync::{Assignment, AssignmentRef, ReportStatus};

/// What it knows of the device.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    offered: Option<Assignment>,
    attempts: u32,
    /// The highest number received from the outbox that the device has now.
    last: u64,
    /// Attempts that ended in that outbox, and ever.
    ended_here: BTreeSet<AssignmentRef>,
    ended: BTreeSet<AssignmentRef>,
    /// How the jobs of this outbox ended.
    pub(super) ends_of_jobs: BTreeMap<JobId, ReportStatus>,
    /// What must not be.
    pub(super) wrong: Vec<String>,
}

impl Server {
    /// Takes what is pending and answers with the attempt that is not over yet, or the next one.
    pub(super) fn answers(&mut self, outbox: &Outbox, rolls_back: bool, cancels: bool) -> Input {
        let acknowledged = self.takes(outbox);
        if self.offered.as_ref().is_none_or(|offered| self.ended.contains(&offered.id)) {
            self.attempts += 1;
            let offer = match self.attempts {
                number if rolls_back => order_back(number),
                number if number.is_multiple_of(3) => bundle_assignment(number),
                number => assignment(number),
            };
            self.offered = Some(offer);
        }
        let cancel = cancels.then(|| attempt(self.attempts));
        Input::Answered { acknowledged, assignment: self.offered.clone().filter(|_| !cancels), cancel }
    }

    /// Attempts that were offered and never came to an end.
    pub(super) fn unanswered(&self) -> Vec<u32> {
        (1..=self.attempts).filter(|number| !self.ended.contains(&attempt(*number))).collect()
    }

    /// The device begins to number anew; what it tells again is not told twice.
    pub(super) fn sees_another_outbox(&mut self) {
        self.last = 0;
        self.ended_here.clear();
        self.ends_of_jobs.clear();
    }

    /// Takes what is pending, and answers up to where it has all.
    pub(super) fn takes(&mut self, outbox: &Outbox) -> Option<u64> {
        let mut before = 0;
        for report in &outbox.pending {
            if report.seq <= before {
                self.wrong.push(format!("{} stands behind {before}", report.seq));
            }
            before = report.seq;
            if report.seq <= self.last {
                continue;
            }
            self.last = report.seq;
            match report.status {
                ReportStatus::Downloading | ReportStatus::Installing | ReportStatus::Verifying => {
                    if report.assignment.as_ref().is_none_or(|id| self.ended_here.contains(id)) {
                        self.wrong.push(format!("progress of nothing that goes on: {report:?}"));
                    }
                }
                ReportStatus::Completed
                | ReportStatus::Failed
                | ReportStatus::RolledBack
                | ReportStatus::Deferred
                | ReportStatus::Skipped
                | ReportStatus::Unknown => {
                    if let Some(id) = report.assignment.clone() {
                        self.ended.insert(id.clone());
                        if !self.ended_here.insert(id) {
                            self.wrong.push(format!("told twice: {report:?}"));
                        }
                    }
                    if let Some(job) = report.job {
                        self.ends_of_jobs.insert(job, report.status);
                    }
                }
            }
        }
        outbox.pending.back().map(|_| self.last)
    }
}
