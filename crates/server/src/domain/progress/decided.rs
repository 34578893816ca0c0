//! How an assignment moves by what is decided.

use belay_protocol::admin::DeploymentStatus;
use jiff::Timestamp;

use super::{CANCELLED, DEADLINE, NOT_PICKED_UP, OFFLINE, SILENT};
use crate::domain::time::after;
use crate::domain::{Assignment, AssignmentStatus, Deployment, Device};

/// The assignment once it is offered: a new attempt.
pub fn offered(assignment: &Assignment, device: &Device, now: Timestamp) -> Assignment {
    Assignment {
        status: AssignmentStatus::Offered,
        attempt: assignment.attempt + 1,
        cancel: false,
        reason: None,
        message: String::new(),
        not_before: None,
        from_version: assignment.from_version.clone().or_else(|| device.version().cloned()),
        offered_at: Some(now),
        started_at: None,
        ended_at: None,
        ..assignment.clone()
    }
}

/// The assignment once an offer is taken back: pending, or skipped where the deployment is over. The device is asked to
/// drop it, should it have been told; if it begins all the same, its reports count.
///
/// After an offer that was not picked up in time it waits, longer each time, so that others get their turn.
pub fn withdrawn(assignment: &Assignment, deployment: &Deployment, now: Timestamp) -> Assignment {
    let asked = Assignment { cancel: true, ..assignment.clone() };
    if deployment.is_over() {
        return skipped(&asked, CANCELLED, "its deployment ended before the device began", now);
    }
    let wait = u64::from(deployment.policy.pickup_timeout_s) * u64::from(assignment.attempt);
    let late = deployment.status == DeploymentStatus::InProgress;
    Assignment {
        status: AssignmentStatus::Pending,
        reason: Some(NOT_PICKED_UP.to_owned()),
        message: "it was offered and the device did not begin".to_owned(),
        not_before: late.then(|| after(now, wait.min(LONGEST_WAIT_S))),
        ..asked
    }
}

/// The assignment once its device was not heard of in time.
pub fn timed_out(assignment: &Assignment, now: Timestamp) -> Assignment {
    Assignment {
        status: AssignmentStatus::Silent,
        reason: Some(SILENT.to_owned()),
        message: "the device began and was not heard of in time".to_owned(),
        ended_at: Some(now),
        ..assignment.clone()
    }
}

/// The assignment once its deployment gives up what is pending; none where it is not. `reachable` tells a device that
/// was not heard of for long from one whose turn never came. One that began and was to be tried again has failed.
pub fn given_up(assignment: &Assignment, reachable: bool, now: Timestamp) -> Option<Assignment> {
    if assignment.status != AssignmentStatus::Pending {
        return None;
    }
    Some(match (assignment.begun, reachable) {
        (true, _) => failed(assignment, DEADLINE, now),
        (false, true) => skipped(assignment, DEADLINE, "the deadline passed before its turn came", now),
        (false, false) => skipped(assignment, OFFLINE, "the device was not heard of until the deadline", now),
    })
}

/// The assignment once its deployment is cancelled; none where nothing changes. A device at work is asked to drop it.
pub fn cancelled(assignment: &Assignment, now: Timestamp) -> Option<Assignment> {
    match assignment.status {
        AssignmentStatus::Pending if assignment.failures > 0 => Some(failed(assignment, CANCELLED, now)),
        AssignmentStatus::Pending => Some(skipped(assignment, CANCELLED, "an operator ended the deployment", now)),
        AssignmentStatus::Offered
        | AssignmentStatus::Downloading
        | AssignmentStatus::Installing
        | AssignmentStatus::Verifying => {
            (!assignment.cancel).then(|| Assignment { cancel: true, ..assignment.clone() })
        }
        AssignmentStatus::Completed
        | AssignmentStatus::Failed
        | AssignmentStatus::RolledBack
        | AssignmentStatus::Silent
        | AssignmentStatus::Skipped => None,
    }
}

/// The assignment once it is to be tried again by an operator's word; none where it did not go wrong.
pub fn retried(assignment: &Assignment) -> Option<Assignment> {
    match assignment.status {
        AssignmentStatus::Failed | AssignmentStatus::RolledBack | AssignmentStatus::Silent => Some(Assignment {
            status: AssignmentStatus::Pending,
            begun: true,
            failures: 0,
            cancel: false,
            not_before: None,
            ended_at: None,
            ..assignment.clone()
        }),
        AssignmentStatus::Pending
        | AssignmentStatus::Offered
        | AssignmentStatus::Downloading
        | AssignmentStatus::Installing
        | AssignmentStatus::Verifying
        | AssignmentStatus::Completed
        | AssignmentStatus::Skipped => None,
    }
}

pub(super) fn skipped(assignment: &Assignment, reason: &str, message: &str, now: Timestamp) -> Assignment {
    Assignment {
        status: AssignmentStatus::Skipped,
        reason: Some(reason.to_owned()),
        message: message.to_owned(),
        not_before: None,
        ended_at: Some(now),
        ..assignment.clone()
    }
}

/// What it failed of stays its reason.
fn failed(assignment: &Assignment, reason: &str, now: Timestamp) -> Assignment {
    Assignment {
        status: AssignmentStatus::Failed,
        reason: assignment.reason.clone().or_else(|| Some(reason.to_owned())),
        not_before: None,
        ended_at: Some(now),
        ..assignment.clone()
    }
}

const LONGEST_WAIT_S: u64 = 24 * 3_600;

#[cfg(test)]
mod tests;
