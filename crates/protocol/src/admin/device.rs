//! Devices and the fleet.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sync::{Profile, Report};
use crate::{DeploymentId, DeviceId, DeviceType, Distribution, ReleaseVersion, Tag};

/// Whether a device belongs to the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// It waits for an operator to let it in.
    Pending,
    /// It was let in.
    Authorized,
    /// Two machines claim to be it; an operator must look.
    Quarantined,
    /// It was shut out; its key means nothing.
    Revoked,
}

/// How a device stands towards the version that it should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FleetState {
    /// What is installed is what should be.
    UpToDate,
    /// Another version should be installed.
    Outdated,
    /// An update or a way back is under way.
    InProgress,
    /// The last attempt failed, or a person must look.
    Failed,
    /// Nothing is known of what is installed, or of what should be.
    Unknown,
}

/// A device as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    /// Its name on this server.
    pub id: DeviceId,
    /// Whether it belongs to the fleet.
    pub state: DeviceState,
    /// What kind of device it is.
    pub device_type: DeviceType,
    /// Its ring.
    pub distribution: Distribution,
    /// Words that operators put on it.
    pub tags: BTreeSet<Tag>,
    /// How it stands.
    pub fleet_state: FleetState,
    /// The version that it should run, where a deployment or a channel says so.
    pub target_version: Option<ReleaseVersion>,
    /// What it last reported as installed, and its facts.
    pub profile: Profile,
    /// When it was last heard of.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// When it enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// What an operator should know of it.
    pub problem: Option<String>,
}

/// `PATCH /api/v1/devices/{id}`. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateDevice {
    /// Its ring.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// What kind of device it is.
    #[serde(default)]
    pub device_type: Option<DeviceType>,
    /// All its tags.
    #[serde(default)]
    pub tags: Option<BTreeSet<Tag>>,
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    /// When the server received it.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// The deployment's name, where it still exists.
    pub deployment: Option<DeploymentId>,
    /// What the device said.
    pub report: Report,
}

/// `GET /api/v1/fleet`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetSummary {
    /// All authorised devices.
    pub total: u64,
    /// How many run what they should.
    pub up_to_date: u64,
    /// How many should run another version.
    pub outdated: u64,
    /// How many are being changed.
    pub in_progress: u64,
    /// How many failed.
    pub failed: u64,
    /// How many are unknown.
    pub unknown: u64,
    /// How many wait to be let in.
    pub pending: u64,
    /// The same by device type and ring.
    pub compliance: Vec<Compliance>,
}

/// How the devices of one type and ring stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Compliance {
    /// What kind of device.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// What they should run, where a channel says so.
    pub target_version: Option<ReleaseVersion>,
    /// How many there are.
    pub total: u64,
    /// How many run it.
    pub up_to_date: u64,
    /// The same in percent, 0 to 100.
    pub percent: f64,
}
