//! A deployment: a campaign that brings a release to the devices that a filter selects, by a strategy.

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, FilterText, Policy, ReleaseName, Strategy};
use belay_protocol::{Closure, DeploymentId, DeviceId};
use jiff::Timestamp;

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its name on this server.
    pub id: DeploymentId,
    /// What people call it.
    pub name: String,
    /// What it has its devices do.
    pub kind: DeploymentKind,
    /// What it brings; for a way back, what devices go back from, where that is known.
    pub release: Option<ReleaseName>,
    /// The channel that it stands for. A standing deployment does not end by itself.
    pub channel: Option<i64>,
    /// Whom it reaches, as it was asked for; it parsed when the deployment was made.
    pub filter: FilterText,
    /// In which order and amounts.
    pub strategy: Strategy,
    /// Its limits.
    pub policy: Policy,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// Why, in one sentence.
    pub reason: String,
    /// How many devices may have begun so far: the waves that are open. All, where there is none.
    pub allowed: Option<u64>,
    /// When an open canary has been good for long enough to expand by itself; set when the wave has finished.
    pub soak_until: Option<Timestamp>,
    /// What an operator forgave by going on after a halt: it does not count again.
    pub forgiven: Forgiven,
    /// The versions that every device installs, once one device has resolved them.
    pub frozen: Option<Frozen>,
    /// Counts decisions and operator actions: whoever writes names the revision that was read.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Finished devices that gates no longer look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgiven {
    /// How many had finished.
    pub finished: u64,
    /// How many of them badly.
    pub failures: u64,
}

/// The versions that every device installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The versions.
    pub closure: Closure,
    /// The device that resolved them.
    pub by: DeviceId,
}

impl Deployment {
    /// Whether it stands for a channel and does not end by itself.
    pub fn is_standing(&self) -> bool {
        self.channel.is_some()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        match self.status {
            DeploymentStatus::Completed | DeploymentStatus::Failed | DeploymentStatus::Cancelled => true,
            DeploymentStatus::Pending
            | DeploymentStatus::InProgress
            | DeploymentStatus::Paused
            | DeploymentStatus::Halted => false,
        }
    }
}
