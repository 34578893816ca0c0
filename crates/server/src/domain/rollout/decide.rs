//! One look at a deployment, and what follows from it.

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeploymentKind, DeploymentStatus, Strategy};
use jiff::Timestamp;
use serde_json::json;

use super::decision::{Act, Decision, inputs};
use super::{Gate, Situation, Working};
use crate::domain::time::after;
use crate::domain::{AssignmentStatus, Deployment, all_of, by_count, counted, policy, wave};

/// What follows from a situation. The same situation gives the same decisions; once they are applied, an unchanged
/// world gives none.
///
/// Devices that are overdue come first and alone: whatever else is decided must see what they did to the tally. A
/// deployment that is not in progress decides on nothing else, but for its start.
pub fn decide(situation: &Situation<'_>) -> Vec<Decision> {
    let overdue: Vec<_> = situation.working.iter().filter_map(|working| situation.overdue(working)).collect();
    if !overdue.is_empty() {
        return overdue;
    }
    let decision = match situation.deployment.status {
        DeploymentStatus::Pending => situation.start(),
        DeploymentStatus::InProgress => situation
            .finish()
            .or_else(|| situation.halt())
            .or_else(|| situation.give_up())
            .or_else(|| situation.widen())
            .or_else(|| situation.offer()),
        DeploymentStatus::Paused
        | DeploymentStatus::Halted
        | DeploymentStatus::Completed
        | DeploymentStatus::Failed
        | DeploymentStatus::Cancelled => None,
    };
    decision.into_iter().collect()
}

/// What a deployment is begun with, by itself or by an operator.
pub(crate) fn begin(deployment: &Deployment, devices: u64) -> (Act, String) {
    let allowed = wave::first(&deployment.strategy, devices);
    let who = match allowed {
        Some(first) => {
            let first = first.min(devices);
            format!("{first} of {} {} first", counted(devices, "device"), by_count(first, "comes", "come"))
        }
        None => format!("{} may begin", all_of(devices)),
    };
    (Act::Start { allowed }, format!("started: {who}"))
}

impl Situation<'_> {
    fn decision(&self, act: Act, reason: String, extra: &[(&str, serde_json::Value)]) -> Option<Decision> {
        Some(Decision { act, reason, inputs: inputs(self.deployment, self.tally, extra) })
    }

    fn overdue(&self, working: &Working) -> Option<Decision> {
        if working.status == AssignmentStatus::Offered { self.withdraw(working) } else { self.time_out(working) }
    }

    /// What was offered and not begun is taken back: at once where nothing is to be offered any more, because an
    /// offer must not outlive the halt of its deployment; else when it was not picked up in time.
    fn withdraw(&self, working: &Working) -> Option<Decision> {
        let device = working.device.clone();
        let (status, policy) = (self.deployment.status, &self.deployment.policy);
        // A device may wait for its instant within the spread before it begins.
        let patience = u64::from(policy.pickup_timeout_s) + u64::from(policy.spread_s);
        let reason = if status != DeploymentStatus::InProgress {
            format!("withdrawn from {device}: {}", self.deployment.reason)
        } else if self.is_past(working.offered_at, patience) {
            format!("withdrawn from {device}: not picked up within {patience} s")
        } else {
            return None;
        };
        let extra = [
            ("device", json!(device)),
            ("status", json!(status)),
            ("offered_at", json!(working.offered_at)),
            ("patience_s", json!(patience)),
        ];
        self.decision(Act::Withdraw { device }, reason, &extra)
    }

    fn time_out(&self, working: &Working) -> Option<Decision> {
        let limit = self.deployment.policy.device_timeout_s;
        let began = working.started_at.or(working.offered_at);
        if !self.is_past(began, limit.into()) {
            return None;
        }
        let device = working.device.clone();
        let reason = if working.status == AssignmentStatus::Pending {
            format!("{device} is silent: it is to be tried again and was not heard of for {limit} s")
        } else {
            format!("{device} is silent: it began and did not end within {limit} s")
        };
        let extra = [("device", json!(device)), ("started_at", json!(began)), ("device_timeout_s", json!(limit))];
        self.decision(Act::TimeOut { device }, reason, &extra)
    }

    fn start(&self) -> Option<Decision> {
        let by_itself = match (self.deployment.policy.start_at, &self.deployment.strategy) {
            (Some(start_at), _) => start_at <= self.now,
            (None, Strategy::Immediate) => true,
            (None, Strategy::Manual | Strategy::Canary { .. } | Strategy::Rolling { .. }) => false,
        };
        if !by_itself {
            return None;
        }
        let (act, reason) = begin(self.deployment, self.tally.targets());
        self.decision(act, reason, &[("start_at", json!(self.deployment.policy.start_at))])
    }

    fn finish(&self) -> Option<Decision> {
        let tally = self.tally;
        if self.deployment.is_standing() || tally.pending() > 0 || tally.in_flight() > 0 {
            return None;
        }
        let (completed, finished, unreached) = (tally.completed, tally.finished(), tally.unreached);
        let limit = self.deployment.policy.min_success_percent;
        let enough = completed * 100 >= u64::from(limit) * (finished + unreached);
        let nobody = finished == 0 && unreached > 0;
        let status = if enough && !nobody { DeploymentStatus::Completed } else { DeploymentStatus::Failed };
        let word = if status == DeploymentStatus::Completed { "completed" } else { "failed" };
        let reason = match (finished, unreached) {
            (0, 0) => format!("{word}: every device was left out"),
            (_, 0) => format!("{word}: {completed} of {finished} done, at least {limit} % asked for"),
            (_, _) => {
                let counts = format!("{completed} of {finished} done; {unreached} were never reached");
                format!("{word}: {counts}; at least {limit} % of all asked for")
            }
        };
        self.decision(Act::Finish { status }, reason, &[("min_success_percent", json!(limit))])
    }

    fn halt(&self) -> Option<Decision> {
        let gate = Gate::of(self.deployment, self.tally);
        if !gate.tripped {
            return None;
        }
        self.decision(Act::Halt, gate.sentence(self.deployment), &gate.inputs(self.deployment))
    }

    fn give_up(&self) -> Option<Decision> {
        let (pending, limit) = (self.tally.pending(), self.deployment.policy.deadline_s);
        let past = self.deployment.started_at.is_some_and(|start| after(start, limit.into()) <= self.now);
        if self.deployment.is_standing() || pending == 0 || !past {
            return None;
        }
        let reason = format!("gave up {}: the deadline of {limit} s has passed", counted(pending, "device"));
        let extra = [("started_at", json!(self.deployment.started_at)), ("deadline_s", json!(limit))];
        self.decision(Act::GiveUp, reason, &extra)
    }

    /// Opens the next wave, or waits for the soak to be over, once the open ones have finished well.
    fn widen(&self) -> Option<Decision> {
        let (begun, devices) = (self.tally.begun(), self.tally.targets());
        if !Gate::of(self.deployment, self.tally).wave_finished {
            return None;
        }
        let allowed = wave::next(&self.deployment.strategy, begun, devices);
        match self.deployment.strategy {
            Strategy::Canary { soak_s: None, .. } => None,
            Strategy::Canary { soak_s: Some(soak), .. } => match self.deployment.soak_until {
                None => {
                    let until = after(self.now, soak.into());
                    let finished = by_count(begun, "canary has", "canaries have");
                    let reason = format!("{begun} {finished} finished; it expands at {until} if all stays well");
                    self.decision(Act::Soak { until }, reason, &[("soak_s", json!(soak))])
                }
                Some(until) if until <= self.now => {
                    let reason = format!("expanded to {}: the canaries stayed well for {soak} s", all_of(devices));
                    self.decision(Act::Widen { allowed }, reason, &[("soak_until", json!(until))])
                }
                Some(_) => None,
            },
            Strategy::Manual | Strategy::Immediate | Strategy::Rolling { .. } => {
                let upto = allowed.map_or(devices, |allowed| allowed.min(devices));
                let (have, devices) = (by_count(begun, "has", "have"), counted(devices, "device"));
                let reason = format!("next batch: {begun} {have} finished, {upto} of {devices} may begin");
                self.decision(Act::Widen { allowed }, reason, &[])
            }
        }
    }

    fn offer(&self) -> Option<Decision> {
        let policy = &self.deployment.policy;
        if !policy::windows_open(policy, self.now) {
            return None;
        }
        let resolving = self.deployment.kind == DeploymentKind::Install && self.deployment.frozen.is_none();
        let at_once = if resolving { 1 } else { u64::from(policy.max_in_flight) };
        let devices = self.chosen(at_once);
        let reason = match devices.as_slice() {
            [] => return None,
            [device] if resolving => format!("offered to {device} alone: no device has fixed the versions for all yet"),
            [device] => format!("offered to {device}"),
            several => format!("offered to {} devices", several.len()),
        };
        let extra = [
            ("at_once", json!(at_once)),
            ("candidates", json!(self.candidates.len())),
            ("offered", json!(devices.len())),
            ("resolving", json!(resolving)),
        ];
        self.decision(Act::Offer { devices }, reason, &extra)
    }

    /// The first candidates for whom there is room; one that began before has its place already.
    fn chosen(&self, at_once: u64) -> Vec<DeviceId> {
        let mut room = at_once.saturating_sub(self.tally.in_flight());
        let begun = self.tally.begun();
        let mut places = self.deployment.allowed.map_or(u64::MAX, |allowed| allowed.saturating_sub(begun));
        let mut devices = Vec::new();
        for candidate in self.candidates {
            if room == 0 || (places == 0 && !candidate.begun) {
                continue;
            }
            room -= 1;
            places -= u64::from(!candidate.begun);
            devices.push(candidate.device.clone());
        }
        devices
    }

    /// Whether so many seconds have gone by since; what has no beginning is past everything.
    fn is_past(&self, since: Option<Timestamp>, seconds: u64) -> bool {
        since.is_none_or(|since| after(since, seconds) <= self.now)
    }
}

#[cfg(test)]
mod tests;
