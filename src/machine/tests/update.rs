//! An update step by step, and what every failure on its way leads to.

use super::world::*;
use crate::machine::effect::{Applied, Effect, Outcome};
use crate::machine::input::Input;
use belay_protocol::Reason;
use belay_protocol::job::{Door, Generation, JobId, JobState, Request};

const JOB: JobId = JobId(1);

#[test]
fn an_update_goes_through_its_steps_in_order() {
    let world = given().when(update(&["demo-app"])).then(&[Effect::Plan {
        job: JOB,
        request: update_request(&["demo-app"]),
        assignment: None,
    }]);
    let world = world.completes(Outcome::Planned(Ok(planned(vec![upgrade("demo-app", "1.0", "2.0")]))));
    let world = world.then(&[Effect::Fetch { job: JOB }]).completes(Outcome::Fetched(Ok(())));
    let world = world.then(&[Effect::Capture { job: JOB }]).completes(Outcome::Captured(Ok(Vec::new())));
    let world = world.then(&[Effect::Apply { job: JOB }]).completes(Outcome::Applied(Applied::Done));
    let world = world.then(&[Effect::Verify { job: JOB }]).completes(Outcome::Verified(Ok(Default::default())));
    let world = world.then(&[Effect::Commit { job: JOB }]).completes(Outcome::Committed(Ok(Generation(1))));
    let world = world.then(&[Effect::Survey]);
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
    assert_eq!(world.job(1).generation, Some(Generation(1)));
}

#[test]
fn an_empty_list_is_done_at_once() {
    let world = given().when(update(&[])).then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn a_device_that_already_is_as_asked_is_left_alone() {
    let world = given().when(update(&["demo-app"])).completes(Outcome::Planned(Ok(planned(Vec::new()))));
    let world = world.then(&[Effect::Discard { job: JOB }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn failures_before_applying_change_nothing_and_are_refusals() {
    type Fails = (fn(&Effect) -> bool, fn(Reason) -> Outcome);
    let steps: [Fails; 4] = [
        (|effect| matches!(effect, Effect::Plan { .. }), |reason| Outcome::Planned(Err(failure(reason)))),
        (|effect| matches!(effect, Effect::Fetch { .. }), |reason| Outcome::Fetched(Err(failure(reason)))),
        (|effect| matches!(effect, Effect::Capture { .. }), |reason| Outcome::Captured(Err(failure(reason)))),
        (
            |effect| matches!(effect, Effect::Apply { .. }),
            |reason| Outcome::Applied(Applied::Untouched(failure(reason))),
        ),
    ];
    for (wanted, outcome) in steps {
        let world = given().when(update(&["demo-app"])).until(wanted).completes(outcome(Reason::NoSpace));
        let world = world.then(&[Effect::Discard { job: JOB }]).succeeds();
        assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::NoSpace)));
    }
}

#[test]
fn a_failed_apply_is_undone() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.completes(Outcome::Applied(Applied::Touched(failure(Reason::ApplyFailed))));
    let world = world.then(&[Effect::RollBack { job: JOB, because: failure(Reason::ApplyFailed) }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::ApplyFailed)));
}

#[test]
fn a_failed_health_check_is_undone_and_names_the_check() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Verify { .. }));
    let world = world.completes(Outcome::Verified(Ok(unhealthy()))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Unhealthy)));
    assert!(world.job(1).message.contains("http://localhost/ answered 500"), "{}", world.job(1).message);
}

#[test]
fn a_commit_that_cannot_be_written_is_undone() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Commit { .. }));
    let world = world.completes(Outcome::Committed(Err(failure(Reason::NoSpace)))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::NoSpace)));
}

#[test]
fn going_back_is_tried_three_times_then_a_person_must_look() {
    let mut world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    world = world.completes(Outcome::Applied(Applied::Touched(failure(Reason::ApplyFailed))));
    for _ in 0..3 {
        world = world.then(&[Effect::RollBack { job: JOB, because: failure(Reason::ApplyFailed) }]);
        world = world.completes(Outcome::RolledBack(Err(failure(Reason::UndoFailed))));
    }
    assert_eq!(state_of(&world, 1), (JobState::NeedsAttention, Some(Reason::UndoFailed)));
    assert!(world.state.needs_attention());
}

#[test]
fn foreign_changes_in_the_way_need_a_person_at_once() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.completes(Outcome::Applied(Applied::Touched(failure(Reason::ApplyFailed))));
    let world = world.completes(Outcome::RolledBack(Err(failure(Reason::ForeignChange))));
    assert_eq!(state_of(&world, 1), (JobState::NeedsAttention, Some(Reason::ForeignChange)));
}

#[test]
fn a_device_that_changed_under_the_plan_is_planned_anew_three_times() {
    let mut world = given().when(update(&["demo-app"]));
    for _ in 0..3 {
        world = world.until(|effect| matches!(effect, Effect::Apply { .. }));
        world = world.completes(Outcome::Applied(Applied::Untouched(failure(Reason::PlanChanged))));
        world = world.then(&[Effect::Plan { job: JOB, request: update_request(&["demo-app"]), assignment: None }]);
    }
    world = world.until(|effect| matches!(effect, Effect::Apply { .. }));
    world = world.completes(Outcome::Applied(Applied::Untouched(failure(Reason::PlanChanged)))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::PlanChanged)));
}

#[test]
fn a_dry_run_ends_with_its_plan_and_changes_nothing() {
    let Request::Update { packages, approve, .. } = update_request(&["demo-app"]) else { unreachable!() };
    let request = Request::Update { packages, dry_run: true, approve, release: None, bundle: None };
    let input = Input::Requested { request, door: Door::Socket, idempotency_key: None };
    let world = given().when(input).until(|effect| matches!(effect, Effect::Discard { .. })).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::DryRun)));
    assert_eq!(world.job(1).plan.as_ref().unwrap().changes.len(), 1);
}

#[test]
fn a_removal_that_nobody_asked_for_is_refused_before_anything_is_fetched() {
    let mut removal = upgrade("old-tool", "1.0", "2.0");
    removal.action = belay_protocol::plan::Action::Remove;
    removal.new = None;
    removal.asked = false;
    let world = given().when(update(&["demo-app"]));
    let world = world.completes(Outcome::Planned(Ok(planned(vec![removal]))));
    let world = world.then(&[Effect::Discard { job: JOB }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::GuardRemoval)));
}

#[test]
fn outcomes_that_do_not_fit_are_counted_and_change_nothing() {
    let world = given().when(update(&["demo-app"]));
    let odd = [
        Input::Completed { job: Some(JobId(9)), outcome: Outcome::Fetched(Ok(())) },
        Input::Completed { job: Some(JOB), outcome: Outcome::Committed(Ok(Generation(3))) },
        Input::Completed { job: None, outcome: Outcome::Applied(Applied::Done) },
    ];
    for input in odd {
        let before = world.clone();
        let after = world.clone().when(input);
        assert_eq!(after.effects, before.effects);
        assert_eq!(after.state.running, before.state.running);
        assert_eq!(after.state.ignored, before.state.ignored + 1);
    }
}

#[test]
fn a_discard_that_finds_a_changed_device_is_undone_not_refused() {
    let world = given().when(update(&["demo-app"])).completes(Outcome::Planned(Err(failure(Reason::NoSpace))));
    let world = world.completes(Outcome::Discarded(Err(failure(Reason::Interrupted))));
    let Some(Effect::RollBack { because, .. }) = world.effects.front() else { panic!("{:?}", world.effects) };
    assert_eq!(because.reason, Reason::Interrupted);
    assert_eq!(state_of(&world.succeeds(), 1), (JobState::RolledBack, Some(Reason::Interrupted)));
}

#[test]
fn a_discard_that_cannot_be_written_ends_as_planned_and_says_so() {
    for reason in [Reason::State, Reason::NoSpace] {
        let world = given().when(update(&["demo-app"])).completes(Outcome::Planned(Err(failure(Reason::LockTimeout))));
        let world = world.completes(Outcome::Discarded(Err(failure(reason)))).then(&[]);
        assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::LockTimeout)));
        assert!(world.job(1).message.contains("what was prepared is still there"), "{}", world.job(1).message);
    }
}
