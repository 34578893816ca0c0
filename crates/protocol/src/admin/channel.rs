//! Channels: standing rules.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeploymentId, DeviceType, Distribution, ReleaseVersion};

/// `POST /api/v1/channels`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateChannel {
    /// The devices that it rules.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// Its name; `default` where there is none.
    #[serde(default)]
    pub channel: Option<String>,
    /// What its devices should run.
    pub target_version: ReleaseVersion,
    /// Whether it is in force; it is, where nothing is said.
    #[serde(default)]
    pub active: Option<bool>,
}

/// `PATCH /api/v1/channels/{id}`. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateChannel {
    /// What its devices should run.
    #[serde(default)]
    pub target_version: Option<ReleaseVersion>,
    /// Whether it is in force.
    #[serde(default)]
    pub active: Option<bool>,
}

/// A channel as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// Its number.
    pub id: i64,
    /// The devices that it rules.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// Its name.
    pub channel: String,
    /// What its devices should run.
    pub target_version: ReleaseVersion,
    /// Whether it is in force.
    pub active: bool,
    /// The standing deployment that carries it out; none while it is off.
    pub deployment: Option<DeploymentId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}
