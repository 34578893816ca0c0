//! How devices stand towards what they should run, and the figures of a fleet.

use std::collections::BTreeMap;

use belay_protocol::admin::{Compliance, DeviceState, FleetState, FleetSummary};
use belay_protocol::{DeviceType, Distribution, ReleaseVersion};

use super::{Assignment, AssignmentStatus, Device};

/// How a device stands towards `target`; `newest` is its newest assignment towards it. What the device reports as
/// installed wins over what it was told.
pub fn state(device: &Device, target: Option<&ReleaseVersion>, newest: Option<&Assignment>) -> FleetState {
    let told = newest.map(|assignment| assignment.status);
    if told.is_some_and(is_under_way) {
        FleetState::InProgress
    } else if device.profile.installed.needs_attention {
        FleetState::Failed
    } else if device.reports_version() {
        measured(device, target, told)
    } else {
        told.map_or(FleetState::Unknown, known_from_reports)
    }
}

/// Counts devices, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Census {
    summary: FleetSummary,
    groups: BTreeMap<(DeviceType, Distribution), Group>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    target: Option<ReleaseVersion>,
    total: u64,
    up_to_date: u64,
}

impl Census {
    /// Counts a device; `channel` is what a channel says that it should run. Only authorised devices are of the fleet.
    pub fn count(&mut self, device: &Device, state: FleetState, channel: Option<&ReleaseVersion>) {
        self.count_alike(device, state, channel, 1);
    }

    /// Counts so many devices that are like this one.
    pub fn count_alike(&mut self, device: &Device, state: FleetState, channel: Option<&ReleaseVersion>, number: u64) {
        match device.state {
            DeviceState::Authorized => {}
            DeviceState::Pending => {
                self.summary.pending += number;
                return;
            }
            DeviceState::Quarantined | DeviceState::Revoked => return,
        }
        self.summary.total += number;
        *match state {
            FleetState::UpToDate => &mut self.summary.up_to_date,
            FleetState::Outdated => &mut self.summary.outdated,
            FleetState::InProgress => &mut self.summary.in_progress,
            FleetState::Failed => &mut self.summary.failed,
            FleetState::Unknown => &mut self.summary.unknown,
        } += number;
        let group = self.groups.entry((device.device_type.clone(), device.distribution.clone())).or_default();
        group.total += number;
        group.up_to_date += if state == FleetState::UpToDate { number } else { 0 };
        group.target = group.target.take().or_else(|| channel.cloned());
    }

    /// The figures.
    pub fn summary(mut self) -> FleetSummary {
        self.summary.compliance = self.groups.into_iter().map(compliance).collect();
        self.summary
    }
}

fn is_under_way(status: AssignmentStatus) -> bool {
    // What is only offered has changed nothing yet.
    status.is_in_flight() && status != AssignmentStatus::Offered
}

fn measured(device: &Device, target: Option<&ReleaseVersion>, told: Option<AssignmentStatus>) -> FleetState {
    let Some(target) = target.filter(|_| !device.profile_tag.is_empty()) else { return FleetState::Unknown };
    if device.version().is_some_and(|installed| installed.is_same(target)) {
        return FleetState::UpToDate;
    }
    match told {
        Some(AssignmentStatus::Failed | AssignmentStatus::RolledBack) => FleetState::Failed,
        // It began to change and has not said since what it is now.
        Some(AssignmentStatus::Silent) => FleetState::Unknown,
        Some(
            AssignmentStatus::Pending
            | AssignmentStatus::Offered
            | AssignmentStatus::Downloading
            | AssignmentStatus::Installing
            | AssignmentStatus::Verifying
            | AssignmentStatus::Completed
            | AssignmentStatus::Skipped,
        )
        | None => FleetState::Outdated,
    }
}

fn known_from_reports(told: AssignmentStatus) -> FleetState {
    match told {
        AssignmentStatus::Completed => FleetState::UpToDate,
        AssignmentStatus::Failed | AssignmentStatus::RolledBack => FleetState::Failed,
        AssignmentStatus::Pending
        | AssignmentStatus::Offered
        | AssignmentStatus::Downloading
        | AssignmentStatus::Installing
        | AssignmentStatus::Verifying
        | AssignmentStatus::Silent
        | AssignmentStatus::Skipped => FleetState::Unknown,
    }
}

fn compliance(((device_type, distribution), group): ((DeviceType, Distribution), Group)) -> Compliance {
    #[expect(clippy::cast_precision_loss, reason = "a percentage of a fleet needs no more than 52 bits")]
    let percent = group.up_to_date as f64 * 100.0 / group.total as f64;
    let Group { target, total, up_to_date } = group;
    Compliance { device_type, distribution, target_version: target, total, up_to_date, percent }
}

#[cfg(test)]
mod tests;
