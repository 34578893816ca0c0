//! The failure gate: when a deployment has gone wrong too often to go on.

use serde_json::{Value, json};

use super::Tally;
use crate::domain::Deployment;

/// What the gate looks at: finished devices beyond those that an operator forgave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// How many finished.
    pub sample: u64,
    /// How many of them badly.
    pub failures: u64,
    /// Whether all of the open waves has finished: then there is no more to wait for, however few they are.
    pub wave_finished: bool,
    /// Whether nothing may be offered.
    pub tripped: bool,
}

impl Gate {
    /// Looks at a deployment.
    pub fn of(deployment: &Deployment, tally: &Tally) -> Self {
        let failures = tally.failures().saturating_sub(deployment.forgiven.failures);
        // One that was forgiven as completed and is undone since has failed anew without having finished anew.
        let sample = tally.finished().saturating_sub(deployment.forgiven.finished).max(failures);
        let full = deployment.allowed.is_some_and(|allowed| tally.begun() >= allowed);
        let wave_finished = full && tally.in_flight() == 0 && tally.retrying == 0;
        let policy = &deployment.policy;
        let judged = sample >= u64::from(policy.min_sample) || wave_finished;
        let tripped = judged && failures * 100 > u64::from(policy.max_failure_percent) * sample;
        Self { sample, failures, wave_finished, tripped }
    }

    /// What a tripped gate says: `halted: 3 of 20 failed, limit 5 %`.
    pub(crate) fn sentence(&self, deployment: &Deployment) -> String {
        let limit = deployment.policy.max_failure_percent;
        format!("halted: {} of {} failed, limit {limit} %", self.failures, self.sample)
    }

    /// What it was judged on.
    pub(crate) fn inputs(&self, deployment: &Deployment) -> [(&'static str, Value); 5] {
        [
            ("sample", json!(self.sample)),
            ("failures", json!(self.failures)),
            ("wave_finished", json!(self.wave_finished)),
            ("max_failure_percent", json!(deployment.policy.max_failure_percent)),
            ("min_sample", json!(deployment.policy.min_sample)),
        ]
    }
}

#[cfg(test)]
mod tests;
