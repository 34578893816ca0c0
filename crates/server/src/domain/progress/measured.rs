//! How an assignment moves by what is measured on its device.

use belay_protocol::ReleaseVersion;
use belay_protocol::admin::DeploymentKind;
use jiff::Timestamp;

use super::decided::skipped;
use super::{LOST_VERSION, OTHER_VERSION};
use crate::domain::exclusion::{ALREADY_INSTALLED, needless};
use crate::domain::{Assignment, AssignmentStatus, Deployment, Device};

/// The assignment after its device's profile arrived; none where nothing changes. Reports of the same request are taken
/// first, because the profile is newer.
pub fn remeasured(
    assignment: &Assignment,
    deployment: &Deployment,
    device: &Device,
    now: Timestamp,
) -> Option<Assignment> {
    let release = &deployment.release.as_ref()?.version;
    if !device.reports_version() {
        return None;
    }
    let seen = Seen { assignment, deployment, device, release, now };
    match assignment.status {
        AssignmentStatus::Pending => seen.pending(),
        AssignmentStatus::Silent => seen.silent(),
        AssignmentStatus::Completed => seen.completed(),
        AssignmentStatus::Skipped => seen.skipped(),
        // Its own reports will say how it ends; what went wrong went wrong.
        AssignmentStatus::Offered
        | AssignmentStatus::Downloading
        | AssignmentStatus::Installing
        | AssignmentStatus::Verifying
        | AssignmentStatus::Failed
        | AssignmentStatus::RolledBack => None,
    }
}

struct Seen<'a> {
    assignment: &'a Assignment,
    deployment: &'a Deployment,
    device: &'a Device,
    release: &'a ReleaseVersion,
    now: Timestamp,
}

impl Seen<'_> {
    fn pending(&self) -> Option<Assignment> {
        let needless = needless(self.device, self.deployment.kind, Some(self.release))?;
        if self.deployment.is_over() {
            None
        } else if self.assignment.begun {
            Some(self.done(needless.message))
        } else {
            match self.deployment.kind {
                DeploymentKind::Install => Some(skipped(self.assignment, needless.code, &needless.message, self.now)),
                // It may be about to have what is taken back: another deployment could still be at work on it. When
                // its turn comes, the device itself says that there is nothing to take back.
                DeploymentKind::RollBack => None,
            }
        }
    }

    /// Its last report was lost, the device was not.
    fn silent(&self) -> Option<Assignment> {
        needless(self.device, self.deployment.kind, Some(self.release)).map(|needless| self.done(needless.message))
    }

    fn completed(&self) -> Option<Assignment> {
        if self.deployment.is_over() || self.deployment.kind != DeploymentKind::Install || self.has_release() {
            None
        } else if self.went_back() || (!self.deployment.is_standing() && self.device.version().is_some()) {
            Some(self.undone())
        } else if self.deployment.is_standing() {
            Some(self.lost())
        } else {
            None
        }
    }

    /// A standing rule also holds for a device that once kept it without help.
    fn skipped(&self) -> Option<Assignment> {
        let kept = self.assignment.reason.as_deref() == Some(ALREADY_INSTALLED);
        let standing = self.deployment.is_standing() && !self.deployment.is_over();
        (kept && standing && !self.has_release()).then(|| self.lost())
    }

    fn has_release(&self) -> bool {
        self.device.version().is_some_and(|installed| installed.is_same(self.release))
    }

    /// It has again what it had before, and nobody else changed packages.
    fn went_back(&self) -> bool {
        let same = match (self.device.version(), &self.assignment.from_version) {
            (Some(installed), Some(before)) => installed.is_same(before),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.device.profile.installed.drift.is_empty()
    }

    fn done(&self, message: String) -> Assignment {
        Assignment {
            status: AssignmentStatus::Completed,
            cancel: false,
            reason: None,
            message,
            not_before: None,
            ended_at: Some(self.now),
            ..self.assignment.clone()
        }
    }

    fn undone(&self) -> Assignment {
        Assignment {
            status: AssignmentStatus::RolledBack,
            reason: Some(OTHER_VERSION.to_owned()),
            message: format!("it was done, and now the device has {}", self.installed()),
            ended_at: Some(self.now),
            ..self.assignment.clone()
        }
    }

    fn lost(&self) -> Assignment {
        Assignment {
            status: AssignmentStatus::Pending,
            reason: Some(LOST_VERSION.to_owned()),
            message: format!("the device had it, and now has {}", self.installed()),
            not_before: None,
            started_at: None,
            ended_at: None,
            ..self.assignment.clone()
        }
    }

    fn installed(&self) -> &str {
        self.device.version().map_or("no release", ReleaseVersion::as_str)
    }
}

#[cfg(test)]
mod tests;
