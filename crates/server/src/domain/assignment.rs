//! An assignment: one device's part in a deployment.

use belay_protocol::{DeploymentId, DeviceId, ReleaseVersion};
use jiff::Timestamp;

/// One device's part in a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The device.
    pub device: DeviceId,
    /// Its place in the order, by a hash of deployment and device: stable, and not the same in every deployment.
    pub rank: i64,
    /// Where it stands.
    pub status: AssignmentStatus,
    /// The last attempt offered, counted from 1; 0 where none was.
    pub attempt: u32,
    /// How often it failed so far: its policy says how often it may try again.
    pub failures: u32,
    /// Whether the device ever reported that it began: it takes a place in the open waves from then on.
    pub begun: bool,
    /// Whether the device is asked to drop it.
    pub cancel: bool,
    /// Why it stands where it stands, as a code.
    pub reason: Option<String>,
    /// The sentence for people.
    pub message: String,
    /// It is not offered earlier: the device asked for later, or is to try again.
    pub not_before: Option<Timestamp>,
    /// What was installed when it was first offered.
    pub from_version: Option<ReleaseVersion>,
    /// When the last attempt was offered.
    pub offered_at: Option<Timestamp>,
    /// When the device first reported on the last attempt.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

/// Where an assignment stands. The last five are ends, as far as the device does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssignmentStatus {
    /// Not offered: it waits for its wave, for a place, for the device, or to be tried again.
    Pending,
    /// The device is told of it whenever it asks.
    Offered,
    /// The device resolves, fetches, takes its restore point.
    Downloading,
    /// The device is being changed.
    Installing,
    /// The health gate is looking.
    Verifying,
    /// It is done.
    Completed,
    /// It was refused, or a person must look.
    Failed,
    /// It went wrong and the device is as it was; or it was done and later undone.
    RolledBack,
    /// The device began and was not heard of in time.
    Silent,
    /// It was left out or cancelled.
    Skipped,
}

impl AssignmentStatus {
    /// Every status.
    pub const ALL: &[Self] = &[
        Self::Pending,
        Self::Offered,
        Self::Downloading,
        Self::Installing,
        Self::Verifying,
        Self::Completed,
        Self::Failed,
        Self::RolledBack,
        Self::Silent,
        Self::Skipped,
    ];

    /// The word used in the store and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Offered => "offered",
            Self::Downloading => "downloading",
            Self::Installing => "installing",
            Self::Verifying => "verifying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Silent => "silent",
            Self::Skipped => "skipped",
        }
    }

    /// Whether the device has it: it holds one of the places in flight.
    pub fn is_in_flight(self) -> bool {
        match self {
            Self::Offered | Self::Downloading | Self::Installing | Self::Verifying => true,
            Self::Pending | Self::Completed | Self::Failed | Self::RolledBack | Self::Silent | Self::Skipped => false,
        }
    }
}
