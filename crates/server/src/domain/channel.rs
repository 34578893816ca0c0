//! A channel: a standing rule.

use belay_protocol::{DeploymentId, DeviceType, Distribution, ReleaseVersion};
use jiff::Timestamp;

/// The rule that devices of a type and ring should run a version. While it is active, a standing deployment carries it
/// out: one that never ends by itself, so that canaries, gates and limits hold for channels as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its number.
    pub id: i64,
    /// The devices that it rules.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// Its name.
    pub name: String,
    /// What its devices should run.
    pub target_version: ReleaseVersion,
    /// Whether it is in force.
    pub active: bool,
    /// The standing deployment; none while it is off.
    pub deployment: Option<DeploymentId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
