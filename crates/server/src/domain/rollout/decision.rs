//! What is decided, why, and what a deployment remembers of it.

use std::collections::BTreeMap;

use belay_protocol::DeviceId;
use belay_protocol::admin::DeploymentStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Tally;
use crate::domain::{Deployment, Forgiven, Frozen};

/// One decision, with everything that explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is to be done.
    pub act: Act,
    /// Why, in one sentence, such as `halted: 3 of 20 failed, limit 5 %`.
    pub reason: String,
    /// What it was decided on.
    pub inputs: BTreeMap<String, Value>,
}

/// What is to be done. The engine decides the first nine, a report the next two, operators the rest (and some of the first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Begins.
    Start {
        /// How many devices the first wave has; all, where there is none.
        allowed: Option<u64>,
    },
    /// Tells these devices of it: [`progress::offered`](crate::domain::progress::offered).
    Offer {
        /// The devices.
        devices: Vec<DeviceId>,
    },
    /// Takes back what a device did not pick up: [`progress::withdrawn`](crate::domain::progress::withdrawn).
    Withdraw {
        /// The device.
        device: DeviceId,
    },
    /// Gives up a device that began and was not heard of: [`progress::timed_out`](crate::domain::progress::timed_out).
    TimeOut {
        /// The device.
        device: DeviceId,
    },
    /// Watches finished canaries until then.
    Soak {
        /// When it expands.
        until: Timestamp,
    },
    /// Opens further waves.
    Widen {
        /// How many devices may begin altogether; all, where there is none.
        allowed: Option<u64>,
    },
    /// Offers nothing more until an operator goes on.
    Halt,
    /// Leaves out all devices that are still pending: [`progress::given_up`](crate::domain::progress::given_up).
    GiveUp,
    /// Ends.
    Finish {
        /// How: completed or failed.
        status: DeploymentStatus,
    },
    /// Fixes the versions that every later device installs.
    Freeze {
        /// The versions, and who resolved them.
        frozen: Frozen,
    },
    /// Leaves the versions open: what a device says that it has is nothing that others could be held to.
    LeaveOpen,
    /// Offers nothing more for now.
    Pause,
    /// Goes on.
    Resume {
        /// What gates no longer look at.
        forgiven: Forgiven,
    },
    /// Ends by an operator's word: [`progress::cancelled`](crate::domain::progress::cancelled) for each device.
    Cancel,
    /// Offers it again where it went wrong: [`progress::retried`](crate::domain::progress::retried) for each device.
    Retry {
        /// What gates still do not look at.
        forgiven: Forgiven,
    },
}

impl Act {
    /// The word used in the store, in metrics and on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Offer { .. } => "offer",
            Self::Withdraw { .. } => "withdraw",
            Self::TimeOut { .. } => "time_out",
            Self::Soak { .. } => "soak",
            Self::Widen { .. } => "widen",
            Self::Halt => "halt",
            Self::GiveUp => "give_up",
            Self::Finish { .. } => "finish",
            Self::Freeze { .. } => "freeze",
            Self::LeaveOpen => "not_frozen",
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Cancel => "cancel",
            Self::Retry { .. } => "retry",
        }
    }
}

/// Makes a deployment remember a decision: its own fields, and one revision more. What the decision does to assignments
/// is in [`progress`](crate::domain::progress).
pub fn apply(deployment: &mut Deployment, decision: &Decision, now: Timestamp) {
    deployment.revision += 1;
    match &decision.act {
        Act::Offer { .. } | Act::Withdraw { .. } | Act::TimeOut { .. } | Act::LeaveOpen => return,
        Act::Freeze { frozen } => {
            deployment.frozen = Some(frozen.clone());
            return;
        }
        Act::Start { allowed } => {
            deployment.status = DeploymentStatus::InProgress;
            deployment.allowed = *allowed;
            deployment.started_at = Some(now);
        }
        Act::Soak { until } => deployment.soak_until = Some(*until),
        Act::Widen { allowed } => {
            deployment.allowed = *allowed;
            deployment.soak_until = None;
        }
        Act::GiveUp => {}
        Act::Halt => deployment.status = DeploymentStatus::Halted,
        Act::Pause => deployment.status = DeploymentStatus::Paused,
        Act::Resume { forgiven } => {
            deployment.status = DeploymentStatus::InProgress;
            deployment.forgiven = *forgiven;
        }
        Act::Finish { status } => end(deployment, *status, now),
        Act::Cancel => end(deployment, DeploymentStatus::Cancelled, now),
        Act::Retry { forgiven } => {
            deployment.status = DeploymentStatus::InProgress;
            deployment.forgiven = *forgiven;
            deployment.soak_until = None;
            // The deadline counts anew, or what is tried again after it would be given up at once.
            deployment.started_at = Some(now);
            deployment.ended_at = None;
        }
    }
    deployment.reason.clone_from(&decision.reason);
}

/// What every decision is made on, and what this one is made on besides.
pub(crate) fn inputs(deployment: &Deployment, tally: &Tally, extra: &[(&str, Value)]) -> BTreeMap<String, Value> {
    let mut inputs: BTreeMap<_, _> = extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    inputs.insert("allowed".to_owned(), json!(deployment.allowed));
    inputs.insert("tally".to_owned(), tally.to_json());
    inputs
}

fn end(deployment: &mut Deployment, status: DeploymentStatus, now: Timestamp) {
    deployment.status = status;
    deployment.ended_at = Some(now);
}

#[cfg(test)]
mod tests;
