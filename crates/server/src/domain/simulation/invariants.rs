//! What must never happen.

use belay_protocol::admin::{DeploymentKind, DeploymentStatus};

use super::world::World;
use crate::domain::AssignmentStatus;
use crate::domain::rollout::{Act, Decision};

/// Looks at one decision, and at the world before and after it.
pub(super) fn check_decision(before: &World, decision: &Decision, after: &World) {
    assert!(!decision.reason.is_empty(), "a decision has a reason: {decision:?}");
    assert!(!decision.inputs.is_empty(), "a decision has inputs: {decision:?}");
    assert_eq!(after.deployment.revision, before.deployment.revision + 1, "a decision is a revision");
    assert_eq!(after.tally().total(), before.tally().total(), "no device is lost: {decision:?}");
    if decision.act == Act::GiveUp {
        assert_eq!(after.tally().pending(), 0, "what is given up is not tried again");
    }
    if matches!(decision.act, Act::Widen { .. }) {
        let (bad, judged, enough) = gate(before);
        let idle = before.tally().in_flight() + before.tally().retrying == 0;
        let full = before.deployment.allowed.is_some_and(|allowed| before.tally().begun() >= allowed);
        assert!(!(bad && (enough || (idle && full))), "widened past a tripped gate: {judged:?}");
    }
    if let Act::Offer { devices } = &decision.act {
        assert!(!devices.is_empty());
        check_offer(before, after);
        let offered = after.members.iter().zip(&before.members).filter(|(new, _)| devices.contains(&new.device.id));
        for (new, old) in offered {
            assert_eq!(old.assignment.status, AssignmentStatus::Pending, "only what is pending is offered");
            assert!(old.reachable, "only who is there is offered anything");
            assert!(new.assignment.attempt > old.assignment.attempt, "an attempt is never used twice");
        }
    }
}

fn check_offer(before: &World, after: &World) {
    let (deployment, policy) = (&before.deployment, &before.deployment.policy);
    assert_eq!(deployment.status, DeploymentStatus::InProgress, "nothing is offered but in progress");
    let (had, has) = (before.tally(), after.tally());

    let in_flight = u64::from(policy.max_in_flight);
    assert!(has.in_flight() <= in_flight, "more than {in_flight} in flight: {has:?}");
    if deployment.kind == DeploymentKind::Install && deployment.frozen.is_none() {
        assert_eq!(has.in_flight(), 1, "one device resolves the versions, alone: {has:?}");
    }
    if let Some(allowed) = deployment.allowed
        && has.begun() > had.begun()
    {
        assert!(has.begun() <= allowed, "more than {allowed} begun: {has:?}");
    }
    let (bad, judged, enough) = gate(before);
    assert!(!(enough && bad), "offered past a tripped gate: {judged:?}");
}

/// The gate, in words of its own: whether too many failed, on what, and whether that is a sample.
fn gate(world: &World) -> (bool, (u64, u64), bool) {
    let (deployment, policy, tally) = (&world.deployment, &world.deployment.policy, world.tally());
    let failures = tally.failed + tally.rolled_back + tally.silent;
    let new_failures = failures.saturating_sub(deployment.forgiven.failures);
    let new = (failures + tally.completed).saturating_sub(deployment.forgiven.finished);
    let bad = new_failures * 100 > u64::from(policy.max_failure_percent) * new.max(new_failures);
    (bad, (new_failures, new), new >= u64::from(policy.min_sample))
}

/// Looks at a world in which the engine has nothing more to say.
pub(super) fn check_rest(world: &World) {
    let (tally, most) = (world.tally(), u64::from(world.deployment.policy.max_in_flight));
    assert!(tally.in_flight() <= most + world.strays, "more than {most} in flight: {tally:?}");
    if world.deployment.status != DeploymentStatus::InProgress {
        assert_eq!(tally.offered, 0, "an offer outlives {:?}", world.deployment.status);
    }
    if world.deployment.is_over() {
        assert_eq!(tally.pending(), 0, "something is left over: {tally:?}");
    }
    for member in &world.members {
        let one = &member.assignment;
        assert!(!one.status.is_in_flight() || one.attempt > 0, "nobody works without an offer: {one:?}");
        assert_eq!(one.status == AssignmentStatus::Offered, one.status.is_in_flight() && one.started_at.is_none());
    }
}
