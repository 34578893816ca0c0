//! What operators ask of a deployment. Each verb changes the deployment's own fields as
//! [`apply`] does and answers with the decision to be stored; what it does to assignments is in
//! [`progress`](super::progress).

use belay_protocol::admin::DeploymentStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::rollout::{Act, Decision, Gate, Tally, apply, begin, inputs};
use super::{Deployment, Forgiven, all_of, by_count, counted, wave};

/// Why a verb is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code.
    pub code: &'static str,
    /// The sentence that says what to do.
    pub message: String,
}

/// Begins a pending one.
pub fn start(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    only_in(deployment, &[DeploymentStatus::Pending], "started")?;
    if let Some(start_at) = deployment.policy.start_at.filter(|start_at| *start_at > now) {
        return Err(refused("too_early", format!("it begins no earlier than {start_at}, and then by itself")));
    }
    let (act, reason) = begin(deployment, tally.targets());
    Ok(decided(deployment, tally, now, act, reason, &[]))
}

/// Offers nothing more for now.
pub fn pause(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    only_in(deployment, &[DeploymentStatus::InProgress], "paused")?;
    let reason = "paused by an operator; devices at work go on".to_owned();
    Ok(decided(deployment, tally, now, Act::Pause, reason, &[]))
}

/// Goes on with a paused or halted one; what halted it is forgiven.
pub fn resume(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    only_in(deployment, &[DeploymentStatus::Paused, DeploymentStatus::Halted], "resumed")?;
    let halted = deployment.status == DeploymentStatus::Halted;
    let forgiven =
        if halted { Forgiven { finished: tally.finished(), failures: tally.failures() } } else { deployment.forgiven };
    let reason = if halted {
        let are = by_count(forgiven.failures, "is", "are");
        format!("resumed by an operator: {} {are} forgiven", counted(forgiven.failures, "failure"))
    } else {
        "resumed by an operator".to_owned()
    };
    let extra = [("was", json!(deployment.status)), ("forgiven_failures", json!(forgiven.failures))];
    Ok(decided(deployment, tally, now, Act::Resume { forgiven }, reason, &extra))
}

/// Ends it: pending devices are left out, those at work are asked to drop it.
pub fn cancel(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    let states =
        [DeploymentStatus::Pending, DeploymentStatus::InProgress, DeploymentStatus::Paused, DeploymentStatus::Halted];
    only_in(deployment, &states, "cancelled")?;
    let devices = counted(tally.targets(), "device");
    let reason = format!("cancelled by an operator: {} of {devices} had it", tally.completed);
    let extra = [("was", json!(deployment.status))];
    Ok(decided(deployment, tally, now, Act::Cancel, reason, &extra))
}

/// Opens the waves for `percent` of all devices; for all, where there is none. Whoever expands what has just gone
/// wrong is told so, even before the engine has halted it.
pub fn expand(
    deployment: &mut Deployment,
    percent: Option<u8>,
    tally: &Tally,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    only_in(deployment, &[DeploymentStatus::InProgress], "expanded")?;
    let gate = Gate::of(deployment, tally);
    if gate.tripped {
        return Err(refused(WRONG_STATE, format!("it is about to be {}; resume it first", gate.sentence(deployment))));
    }
    let devices = tally.targets();
    let allowed = match percent {
        None | Some(100) => None,
        Some(percent @ 1..=99) => Some(wave::canary(devices, percent)),
        Some(percent) => return Err(refused("invalid_percent", format!("{percent} is out of range: 1 to 100"))),
    };
    let wider = match (deployment.allowed, allowed) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => new > old,
    };
    if !wider {
        let open = deployment.allowed.map_or(devices, |allowed| allowed.min(devices));
        let devices = counted(devices, "device");
        let message = format!("{open} of {devices} may begin already; name a greater percentage");
        return Err(refused("nothing_to_expand", message));
    }
    let reason = match allowed {
        Some(allowed) => format!("expanded by an operator: {allowed} of {} may begin", counted(devices, "device")),
        None => format!("expanded by an operator: {} may begin", all_of(devices)),
    };
    let extra = [("percent", json!(percent)), ("was_allowed", json!(deployment.allowed))];
    Ok(decided(deployment, tally, now, Act::Widen { allowed }, reason, &extra))
}

/// Offers it again to all devices where it went wrong; also begins one again that had ended.
pub fn retry(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    let states = [
        DeploymentStatus::InProgress,
        DeploymentStatus::Paused,
        DeploymentStatus::Halted,
        DeploymentStatus::Completed,
        DeploymentStatus::Failed,
    ];
    only_in(deployment, &states, "tried again")?;
    let failures = tally.failures();
    if failures == 0 {
        return Err(refused("nothing_to_retry", "it went wrong on no device; there is nothing to try again"));
    }
    // They are not finished any more: what they did wrong again counts again.
    let forgiven = Forgiven { finished: deployment.forgiven.finished.min(tally.completed), failures: 0 };
    let reason = format!("tried again by an operator on {}", counted(failures, "device"));
    let extra = [("was", json!(deployment.status)), ("failures", json!(failures))];
    Ok(decided(deployment, tally, now, Act::Retry { forgiven }, reason, &extra))
}

/// The code where a deployment is not in a state for what is asked.
const WRONG_STATE: &str = "wrong_state";

fn only_in(deployment: &Deployment, states: &[DeploymentStatus], verb: &str) -> Result<(), Refusal> {
    if states.contains(&deployment.status) {
        return Ok(());
    }
    let names: Vec<_> = states.iter().map(|state| state_name(*state)).collect();
    let message =
        format!("it is {}; only one that is {} can be {verb}", state_name(deployment.status), names.join(" or "));
    Err(refused(WRONG_STATE, message))
}

fn state_name(status: DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Pending => "pending",
        DeploymentStatus::InProgress => "in progress",
        DeploymentStatus::Paused => "paused",
        DeploymentStatus::Halted => "halted",
        DeploymentStatus::Completed => "completed",
        DeploymentStatus::Failed => "failed",
        DeploymentStatus::Cancelled => "cancelled",
    }
}

fn refused(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

fn decided(
    deployment: &mut Deployment,
    tally: &Tally,
    now: Timestamp,
    act: Act,
    reason: String,
    extra: &[(&str, Value)],
) -> Decision {
    let decision = Decision { act, reason, inputs: inputs(deployment, tally, extra) };
    apply(deployment, &decision, now);
    decision
}

#[cfg(test)]
mod tests;
