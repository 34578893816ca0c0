//! How an assignment moves by what its device reports.

use belay_protocol::Reason;
use belay_protocol::admin::DeploymentKind;
use belay_protocol::sync::{Report, ReportStatus};
use jiff::Timestamp;

use super::CANCELLED;
use crate::domain::time::after;
use crate::domain::{Assignment, AssignmentStatus, Deployment};

/// The assignment after a report of its device; none where the report changes nothing and is only kept: it is about
/// another attempt, says what only a newer program knows, or comes after an end that it does not change.
pub fn reported(
    assignment: &Assignment,
    deployment: &Deployment,
    report: &Report,
    now: Timestamp,
) -> Option<Assignment> {
    if !is_about(report, assignment) {
        return None;
    }
    let told = Told { assignment, deployment, report, now };
    let next = match report.status {
        ReportStatus::Downloading => told.works(AssignmentStatus::Downloading)?,
        ReportStatus::Installing => told.works(AssignmentStatus::Installing)?,
        ReportStatus::Verifying => told.works(AssignmentStatus::Verifying)?,
        ReportStatus::Completed => told.ended(AssignmentStatus::Completed)?,
        ReportStatus::RolledBack => told.ended(AssignmentStatus::RolledBack)?,
        ReportStatus::Failed => told.failed()?,
        ReportStatus::Deferred => told.deferred()?,
        ReportStatus::Skipped => told.dropped()?,
        ReportStatus::Unknown => return None,
    };
    (next != *assignment).then_some(next)
}

/// Whether a report is about this attempt.
pub(super) fn is_about(report: &Report, assignment: &Assignment) -> bool {
    report
        .assignment
        .as_ref()
        .is_some_and(|id| id.deployment == assignment.deployment && id.attempt == assignment.attempt && id.attempt > 0)
}

/// A report and what it is about.
struct Told<'a> {
    assignment: &'a Assignment,
    deployment: &'a Deployment,
    report: &'a Report,
    now: Timestamp,
}

impl Told<'_> {
    /// It begins, or goes on. After a verdict it does not begin the same attempt again; one that was given up does.
    fn works(&self, status: AssignmentStatus) -> Option<Assignment> {
        let old = self.assignment;
        if has_verdict(old.status) {
            return None;
        }
        Some(Assignment {
            status,
            begun: true,
            // It was withdrawn and begins all the same: it is at work, like any other.
            cancel: old.cancel && old.status != AssignmentStatus::Pending,
            reason: None,
            message: self.report.message.clone(),
            not_before: None,
            // Whoever was silent and is heard of again has its time anew.
            started_at: old.started_at.filter(|_| old.status.is_in_flight()).or(Some(self.now)),
            ended_at: None,
            ..old.clone()
        })
    }

    fn ended(&self, status: AssignmentStatus) -> Option<Assignment> {
        let old = self.assignment;
        if old.status == status {
            return None;
        }
        Some(Assignment {
            status,
            begun: true,
            cancel: false,
            reason: self.report.reason.clone(),
            message: self.report.message.clone(),
            not_before: None,
            started_at: old.started_at.or(Some(self.now)),
            ended_at: Some(self.now),
            ..old.clone()
        })
    }

    fn failed(&self) -> Option<Assignment> {
        let old = self.assignment;
        if self.is_needless() && !has_verdict(old.status) {
            return Some(self.skipped());
        }
        if old.status == AssignmentStatus::Pending && old.failures > 0 && !old.cancel {
            return None;
        }
        let failures = old.failures + 1;
        let again = failures <= u32::from(self.deployment.policy.retries)
            && (old.status.is_in_flight() || old.status == AssignmentStatus::Pending)
            && !self.deployment.is_over();
        if !again {
            return self.ended(AssignmentStatus::Failed).map(|end| Assignment { failures, ..end });
        }
        let wait = (FIRST_RETRY_S << old.failures.min(10)).min(LONGEST_RETRY_S);
        Some(Assignment { failures, begun: true, ..self.pending(wait) })
    }

    /// A device that has another release in force has nothing to take back.
    fn is_needless(&self) -> bool {
        self.deployment.kind == DeploymentKind::RollBack
            && self.report.reason.as_deref() == Some(Reason::OtherRelease.code())
    }

    fn deferred(&self) -> Option<Assignment> {
        let old = self.assignment;
        let over = self.deployment.is_over();
        match old.status {
            AssignmentStatus::Completed
            | AssignmentStatus::Failed
            | AssignmentStatus::RolledBack
            | AssignmentStatus::Skipped => None,
            AssignmentStatus::Silent if over => None,
            AssignmentStatus::Offered
            | AssignmentStatus::Downloading
            | AssignmentStatus::Installing
            | AssignmentStatus::Verifying
                if over =>
            {
                Some(self.skipped())
            }
            AssignmentStatus::Pending
            | AssignmentStatus::Offered
            | AssignmentStatus::Downloading
            | AssignmentStatus::Installing
            | AssignmentStatus::Verifying
            | AssignmentStatus::Silent => Some(self.pending(self.deferral())),
        }
    }

    /// How long it is left alone: ever longer, the more attempts came to nothing. Whoever only waits for somebody else
    /// on the device is ready soon.
    fn deferral(&self) -> u64 {
        let soon = [Reason::Busy.code(), Reason::LockTimeout.code()];
        if self.report.reason.as_deref().is_some_and(|reason| soon.contains(&reason)) {
            return FIRST_DEFERRAL_S;
        }
        let before = self.assignment.attempt.saturating_sub(self.assignment.failures).saturating_sub(1);
        (FIRST_DEFERRAL_S << before.min(10)).min(LONGEST_DEFERRAL_S)
    }

    /// The device dropped it before it changed anything.
    fn dropped(&self) -> Option<Assignment> {
        let old = self.assignment;
        match old.status {
            AssignmentStatus::Completed | AssignmentStatus::Failed | AssignmentStatus::RolledBack => None,
            // It was withdrawn or left out; now the device knows.
            AssignmentStatus::Pending | AssignmentStatus::Skipped => Some(Assignment { cancel: false, ..old.clone() }),
            AssignmentStatus::Offered
            | AssignmentStatus::Downloading
            | AssignmentStatus::Installing
            | AssignmentStatus::Verifying
            | AssignmentStatus::Silent => Some(self.skipped()),
        }
    }

    fn skipped(&self) -> Assignment {
        Assignment {
            status: AssignmentStatus::Skipped,
            cancel: false,
            reason: self.report.reason.clone().or_else(|| Some(CANCELLED.to_owned())),
            message: self.report.message.clone(),
            not_before: None,
            ended_at: Some(self.now),
            ..self.assignment.clone()
        }
    }

    fn pending(&self, wait_s: u64) -> Assignment {
        Assignment {
            status: AssignmentStatus::Pending,
            cancel: false,
            reason: self.report.reason.clone(),
            message: self.report.message.clone(),
            not_before: Some(after(self.now, wait_s)),
            started_at: None,
            ended_at: None,
            ..self.assignment.clone()
        }
    }
}

fn has_verdict(status: AssignmentStatus) -> bool {
    match status {
        AssignmentStatus::Completed | AssignmentStatus::Failed | AssignmentStatus::RolledBack => true,
        AssignmentStatus::Pending
        | AssignmentStatus::Offered
        | AssignmentStatus::Downloading
        | AssignmentStatus::Installing
        | AssignmentStatus::Verifying
        | AssignmentStatus::Silent
        | AssignmentStatus::Skipped => false,
    }
}

const FIRST_DEFERRAL_S: u64 = 60;
const LONGEST_DEFERRAL_S: u64 = 3_600;
const FIRST_RETRY_S: u64 = 60;
const LONGEST_RETRY_S: u64 = 3_600;

#[cfg(test)]
mod tests;
