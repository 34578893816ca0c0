//! Deployments: campaigns that bring a release to devices.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReleaseName;
use crate::{DeploymentId, DeviceId, ReleaseVersion};

/// In which order and amounts a deployment reaches its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Strategy {
    /// Waits for `start`, then goes to all.
    Manual,
    /// Starts by itself, then goes to all.
    Immediate,
    /// Waits for `start`, goes to `max(1, n * percent / 100)` devices first, and to all when it is expanded.
    Canary {
        /// How many of a hundred devices come first, 1 to 100.
        percent: u8,
        /// Seconds after the last canary finished well, after which it expands by itself; only by `expand` where there
        /// is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        soak_s: Option<u32>,
    },
    /// Waits for `start`, then goes to batches of `max(5, n * percent / 100)`, the next when the last has finished.
    Rolling {
        /// How many of a hundred devices make a batch, 1 to 100.
        #[serde(default = "fifth")]
        percent: u8,
    },
}

/// The limits of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Policy {
    /// It halts when more than so many of a hundred finished devices failed, went back or fell silent, 0 to 100.
    pub max_failure_percent: u8,
    /// It ends well when at least so many of a hundred finished devices have the release, 0 to 100.
    pub min_success_percent: u8,
    /// How many devices must have finished before the failures are judged, unless a whole wave has: 1 or more.
    pub min_sample: u32,
    /// How many devices may be at work at once: 1 or more.
    pub max_in_flight: u32,
    /// Seconds that a device may take from its first report to its last before it counts as silent: 1 or more.
    pub device_timeout_s: u32,
    /// Seconds in which a device takes up what it was offered; after that its place goes to another: 1 or more.
    pub pickup_timeout_s: u32,
    /// How often a device may try again after a failure, 0 to 10.
    pub retries: u8,
    /// Devices begin at instants of their own within so many seconds.
    pub spread_s: u32,
    /// It begins no earlier.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start_at: Option<Timestamp>,
    /// Seconds after its start at which devices that never began are given up: 1 or more.
    pub deadline_s: u32,
    /// New devices are offered the release only inside these, such as `Mon-Fri 02:00-05:00`; always where there is none.
    pub windows: Vec<String>,
    /// The time zone of the windows, such as `Europe/Paris`; UTC where there is none.
    pub time_zone: Option<String>,
    /// Which deployment a device obeys where several want it: the greatest, then the newest. -100 to 100.
    pub priority: i32,
    /// Whether devices that come to match while it runs join it.
    pub late_joiners: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_failure_percent: 5,
            min_success_percent: 90,
            min_sample: 5,
            max_in_flight: 100,
            device_timeout_s: 3_600,
            pickup_timeout_s: 900,
            retries: 0,
            spread_s: 0,
            start_at: None,
            deadline_s: 14 * 24 * 3_600,
            windows: Vec::new(),
            time_zone: None,
            priority: 0,
            late_joiners: true,
        }
    }
}

/// Which devices. What is absent or empty selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FilterText {
    /// Of this type.
    pub device_type: Option<String>,
    /// Of this ring.
    pub distribution: Option<String>,
    /// With an installed version that stands so towards this one.
    pub current_version: Option<String>,
    /// `<`, `<=`, `!=` or `=`; `!=` where there is none.
    pub version_operator: Option<String>,
    /// In this state, such as `OUTDATED`.
    pub status: Option<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// One of these.
    pub device_ids: Vec<String>,
}

/// `POST /api/v1/deployments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateDeployment {
    /// What people call it, 1 to 200 characters; the release's name where there is none.
    #[serde(default)]
    pub name: Option<String>,
    /// What it brings.
    pub release: ReleaseName,
    /// Whom it reaches; the release's own type and ring where these are absent.
    #[serde(default)]
    pub filter: FilterText,
    /// In which order and amounts.
    pub strategy: Strategy,
    /// Its limits.
    #[serde(default)]
    pub policy: Policy,
}

/// What `POST /api/v1/deployments/preview` answers: nothing is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// How many devices it would target.
    pub devices: u64,
    /// How many the first wave would have.
    pub first_wave: u64,
    /// How many would be left out, by reason.
    pub excluded: BTreeMap<String, u64>,
}

/// Where a deployment stands. The last three are ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Not begun.
    Pending,
    /// Devices are offered the release.
    InProgress,
    /// An operator stopped it for now; devices at work go on.
    Paused,
    /// It stopped itself; the reason is with it.
    Halted,
    /// It came to its end and enough devices have the release.
    Completed,
    /// It came to its end and too few have it.
    Failed,
    /// An operator ended it.
    Cancelled,
}

/// What a deployment has its devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// Install a release.
    Install,
    /// Go back one generation.
    RollBack,
}

/// How its devices stand: each counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Buckets {
    /// Not offered yet.
    pub waiting: u64,
    /// Not offered, and not heard of for a long time.
    pub offline: u64,
    /// Asked to be offered it later.
    pub deferred: u64,
    /// Offered and not begun.
    pub offered: u64,
    /// Resolving, fetching.
    pub downloading: u64,
    /// Being changed.
    pub installing: u64,
    /// Being looked at by the health gate.
    pub verifying: u64,
    /// They have the release.
    pub completed: u64,
    /// Refused it or need a person.
    pub failed: u64,
    /// It went wrong and they are as they were, or were taken back.
    pub rolled_back: u64,
    /// They began and were not heard of in time.
    pub silent: u64,
    /// Left out or cancelled, each with its reason.
    pub skipped: u64,
}

/// A deployment as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    /// Its name on this server.
    pub id: DeploymentId,
    /// What people call it.
    pub name: String,
    /// What it has its devices do.
    pub kind: DeploymentKind,
    /// What it brings; for a way back, what devices go back from, where that is known.
    pub release: Option<ReleaseName>,
    /// The channel whose standing rule it carries out, where it is one's.
    pub channel: Option<i64>,
    /// Whom it reaches.
    pub filter: FilterText,
    /// In which order and amounts.
    pub strategy: Strategy,
    /// Its limits.
    pub policy: Policy,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// Why, in one sentence.
    pub reason: String,
    /// How many devices it targets.
    pub total: u64,
    /// How many devices may have begun so far: the waves that are open.
    pub allowed: u64,
    /// How they stand.
    pub buckets: Buckets,
    /// Whether the versions to install are fixed, and by which device.
    pub frozen_by: Option<DeviceId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// `POST /api/v1/deployments/{id}/expand`. Everything that is left, where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Expand {
    /// To so many of a hundred devices, 1 to 100.
    #[serde(default)]
    pub percent: Option<u8>,
}

/// One device's part in a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceProgress {
    /// The device.
    pub device: DeviceId,
    /// Its host name.
    pub hostname: String,
    /// Its bucket, as named in [`Buckets`].
    pub status: String,
    /// Why, as a code.
    pub reason: Option<String>,
    /// The sentence for people.
    pub message: String,
    /// The attempt, counted from 1; 0 where none was made.
    pub attempt: u32,
    /// What was installed before.
    pub from_version: Option<ReleaseVersion>,
    /// When it was offered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub offered_at: Option<Timestamp>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// One decision of the rollout engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Its number; later ones are greater.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was decided, such as `halt`.
    pub decision: String,
    /// Why, in one sentence, such as `halted: 3 of 20 failed, limit 5 %`.
    pub reason: String,
    /// What it was decided on.
    #[schema(value_type = Object)]
    pub inputs: BTreeMap<String, serde_json::Value>,
}

fn fifth() -> u8 {
    20
}
