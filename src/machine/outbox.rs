//! Reports that the server has not acknowledged. They are part of the machine's state, so that a decision and the report
//! of it are durable in one write: neither can be lost or told twice.

use std::collections::VecDeque;

use belay_protocol::sync::{AssignmentRef, Report, ReportStatus};
use serde::{Deserialize, Serialize};

/// What is still to be reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// Random, made by the shell with the state: numbers of a lost outbox are never taken for this one's.
    #[serde(default)]
    pub id: String,
    /// The number that the last report got; 0 where there was none.
    #[serde(default)]
    pub last: u64,
    /// The highest number that a server acknowledged; 0 where none ever did.
    #[serde(default)]
    pub acknowledged: u64,
    /// Not acknowledged, oldest first, at most [`MAX_PENDING`].
    #[serde(default)]
    pub pending: VecDeque<Report>,
    /// How many ends could not wait any longer and were never sent.
    #[serde(default)]
    pub dropped: u64,
    /// Attempts that were answered without a job, oldest first, at most [`DECLINED_REMEMBERED`].
    #[serde(default)]
    pub declined: VecDeque<AssignmentRef>,
}

/// How many reports wait at most.
pub const MAX_PENDING: usize = 256;

/// How many attempts without a job are remembered.
pub const DECLINED_REMEMBERED: usize = 256;

impl Outbox {
    /// Forgets what is durable at the server.
    pub fn acknowledge(&mut self, seq: u64) {
        // A number that was never given is of another outbox.
        if seq <= self.last {
            self.acknowledged = self.acknowledged.max(seq);
            self.pending.retain(|report| report.seq > seq);
        }
    }

    /// Tells what waits under another name, because the numbers of this one were given before and would be taken for what
    /// the server has.
    pub(super) fn begin_again(&mut self, id: String) {
        self.id = id;
        self.acknowledged = 0;
        self.last = 0;
        for report in &mut self.pending {
            self.last += 1;
            report.seq = self.last;
        }
    }

    /// What a person should know: reports that no server will ever get. Where no server listens, none was meant to.
    pub fn warning(&self) -> Option<String> {
        (self.dropped > 0 && self.acknowledged > 0).then(|| {
            format!(
                "{} reports were dropped unsent, because the server did not take them for too long; its history of this \
                 device has a gap",
                self.dropped
            )
        })
    }

    /// Numbers a report and puts it behind the others. What it makes obsolete goes: earlier progress of its job.
    pub(super) fn push(&mut self, report: Report) {
        if report.job.is_some() {
            self.pending.retain(|waiting| waiting.job != report.job || !is_progress(waiting.status));
        }
        self.last += 1;
        self.pending.push_back(Report { seq: self.last, ..report });
        while self.pending.len() > MAX_PENDING {
            let nobodys = self.pending.iter().position(|waiting| waiting.assignment.is_none());
            self.pending.remove(nobodys.unwrap_or(0));
            self.dropped += 1;
        }
    }

    /// Remembers that an attempt was answered without a job.
    pub(super) fn decline(&mut self, id: AssignmentRef) {
        self.declined.push_back(id);
        while self.declined.len() > DECLINED_REMEMBERED {
            self.declined.pop_front();
        }
    }

    /// Drops the closures of reports that wait: an end without its closure is worth more than no end.
    pub(super) fn forget_closures(&mut self) {
        for report in self.pending.iter_mut().filter(|report| report.closure.is_some()) {
            report.closure = None;
            report.message.push_str(" (its closure is not sent: the journal could not hold it)");
        }
    }
}

fn is_progress(status: ReportStatus) -> bool {
    match status {
        ReportStatus::Downloading | ReportStatus::Installing | ReportStatus::Verifying => true,
        ReportStatus::Completed
        | ReportStatus::Failed
        | ReportStatus::RolledBack
        | ReportStatus::Deferred
        | ReportStatus::Skipped
        | ReportStatus::Unknown => false,
    }
}
