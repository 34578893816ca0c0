//! A job: one update or rollback on one device, whoever asked for it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bundle::BundleOrder;
use crate::plan::Plan;
use crate::{Closure, PackageList, Reason, ReleaseOrder, ReleaseVersion};

/// A job's number on its device, counted from 1 and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

/// A state of the device that Belay can name and go back to. 0 is the state before the first update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// Which door a job came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The local socket: the command line or a program on the device.
    Socket,
    /// TCP with a token.
    Tcp,
    /// The old controller's format, without a credential, from a named network.
    Legacy,
    /// The server that this device belongs to.
    Server,
}

/// What a job is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Install a package list.
    Update {
        /// The packages asked for.
        packages: PackageList,
        /// Only plan.
        #[serde(default)]
        dry_run: bool,
        /// Refusals that the requester overrides by name.
        #[serde(default)]
        approve: Vec<Reason>,
        /// The release that the list belongs to, where a server ordered it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseOrder>,
        /// The bundle to install; `packages` are then what it declares, known once it is on the device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle: Option<Box<BundleOrder>>,
    },
    /// Go back.
    Rollback {
        /// The generation to reach; one back where there is none.
        to: Option<Generation>,
        /// Refusals that the requester overrides by name.
        #[serde(default)]
        approve: Vec<Reason>,
        /// The release to go back from, where a server ordered it; with another one in force nothing is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<ReleaseVersion>,
    },
}

impl Request {
    /// The refusals that the requester overrides.
    pub fn approvals(&self) -> &[Reason] {
        match self {
            Self::Update { approve, .. } | Self::Rollback { approve, .. } => approve,
        }
    }

    /// The release that it installs, where a server ordered one.
    pub fn release(&self) -> Option<&ReleaseVersion> {
        match self {
            Self::Update { release, .. } => release.as_ref().map(|order| &order.version),
            Self::Rollback { .. } => None,
        }
    }

    /// The exact versions that it installs, where they are given.
    pub fn closure(&self) -> Option<&Closure> {
        match self {
            Self::Update { release, .. } => release.as_ref().and_then(|order| order.closure.as_ref()),
            Self::Rollback { .. } => None,
        }
    }

    /// The bundle that it installs, where it is one.
    pub fn bundle(&self) -> Option<&BundleOrder> {
        match self {
            Self::Update { bundle, .. } => bundle.as_deref(),
            Self::Rollback { .. } => None,
        }
    }

    /// Whether this asks to go back.
    pub fn is_rollback(&self) -> bool {
        matches!(self, Self::Rollback { .. })
    }
}

/// Where a job stands. The last four are ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Admitted, not begun.
    Accepted,
    /// The transaction is being resolved.
    Planning,
    /// New .debs are being fetched.
    Fetching,
    /// The restore point is being taken.
    Capturing,
    /// The device is being changed.
    Applying,
    /// The device is to start again, in a maintenance window, before it is judged.
    Rebooting,
    /// The health gate is looking.
    Verifying,
    /// The device is being taken back.
    RollingBack,
    /// The new state is in force and proven good.
    Committed,
    /// The old state is in force.
    RolledBack,
    /// Nothing was changed.
    Refused,
    /// Undo did not reach the old state; a person must look.
    NeedsAttention,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: &[Self] = &[
        Self::Accepted,
        Self::Planning,
        Self::Fetching,
        Self::Capturing,
        Self::Applying,
        Self::Rebooting,
        Self::Verifying,
        Self::RollingBack,
        Self::Committed,
        Self::RolledBack,
        Self::Refused,
        Self::NeedsAttention,
    ];

    /// Whether the job is over.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack | Self::Refused | Self::NeedsAttention)
    }

    /// The word used on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Planning => "planning",
            Self::Fetching => "fetching",
            Self::Capturing => "capturing",
            Self::Applying => "applying",
            Self::Rebooting => "rebooting",
            Self::Verifying => "verifying",
            Self::RollingBack => "rolling_back",
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Refused => "refused",
            Self::NeedsAttention => "needs_attention",
        }
    }
}

/// A job as it is remembered and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it was asked to do.
    pub request: Request,
    /// Who asked.
    pub door: Door,
    /// The requester's key; the same key never runs twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Why it did not end as asked, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// One sentence on where it stands, for people.
    #[serde(default)]
    pub message: String,
    /// What a person should know of this job beside its end, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The transaction, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The generation in force when the job had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// When it was admitted.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Job {
    /// Whether whoever asked for an update has it.
    pub fn has_updated(&self) -> bool {
        !self.request.is_rollback() && self.state == JobState::Committed
    }

    /// Whether whoever asked for a rollback has it: the old state is in force. A rollback asked for before an update
    /// changed anything is answered with that update, cancelled.
    pub fn has_gone_back(&self) -> bool {
        match self.state {
            JobState::Committed | JobState::RolledBack if self.request.is_rollback() => self.reason.is_none(),
            JobState::Refused | JobState::RolledBack => {
                !self.request.is_rollback() && self.reason == Some(Reason::Cancelled)
            }
            JobState::Accepted
            | JobState::Planning
            | JobState::Fetching
            | JobState::Capturing
            | JobState::Applying
            | JobState::Rebooting
            | JobState::Verifying
            | JobState::RollingBack
            | JobState::Committed
            | JobState::NeedsAttention => false,
        }
    }
}

/// How far a job's current step has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The job.
    pub job: JobId,
    /// The step it is in.
    pub phase: JobState,
    /// How much of that step is done, 0 to 100.
    pub percent: f32,
    /// What is being done just now.
    pub detail: String,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests;
