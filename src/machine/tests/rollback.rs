//! Going back, cancelling, waiting: what becomes of a rollback that is asked for.

use super::world::*;
use crate::machine::admit::{Admission, admit};
use crate::machine::effect::{Effect, Outcome};
use crate::machine::input::Input;
use belay_protocol::Reason;
use belay_protocol::job::{Door, JobId, JobState, Request};

#[test]
fn a_rollback_plans_then_goes_back() {
    let world = given().when(rollback()).until(|effect| matches!(effect, Effect::RollBack { .. }));
    let world = world.succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, None));
}

#[test]
fn a_rollback_with_nothing_to_go_back_to_is_refused() {
    let world = given().when(rollback()).completes(Outcome::Planned(Err(failure(Reason::NothingToUndo)))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::NothingToUndo)));
}

#[test]
fn a_rollback_before_applying_cancels_the_update() {
    for wanted in [
        (|effect| matches!(effect, Effect::Plan { .. })) as fn(&Effect) -> bool,
        |effect| matches!(effect, Effect::Fetch { .. }),
        |effect| matches!(effect, Effect::Capture { .. }),
    ] {
        let world = given().when(update(&["demo-app"])).until(wanted).when(rollback()).succeeds();
        assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::Cancelled)));
        assert_eq!(world.state.job(JobId(2)), None);
    }
}

#[test]
fn a_rollback_while_applying_waits_and_the_newest_wins() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.when(rollback()).when(rollback());
    assert_eq!(state_of(&world, 2), (JobState::Refused, Some(Reason::Cancelled)));
    let world = world.succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
    assert_eq!(state_of(&world, 3), (JobState::RolledBack, None));
}

#[test]
fn a_second_update_is_denied_with_the_running_job() {
    let world = given().when(update(&["demo-app"]));
    let request = update_request(&["demo-dep"]);
    let Admission::Deny(denial) = admit(&world.state, &world.rules, &noon(), &request, None) else {
        panic!("it should be denied");
    };
    assert_eq!((denial.failure.reason, denial.job), (Reason::Busy, Some(JobId(1))));
}

#[test]
fn the_same_key_never_runs_twice() {
    let keyed = |request: Request| Input::Requested {
        request,
        door: Door::Socket,
        idempotency_key: Some("build-7".to_owned()),
    };
    let world = given().when(keyed(update_request(&["demo-app"]))).succeeds();
    let again = admit(&world.state, &world.rules, &noon(), &update_request(&["demo-app"]), Some("build-7"));
    assert_eq!(again, Admission::Already(JobId(1)));
    let other = admit(&world.state, &world.rules, &noon(), &update_request(&["demo-dep"]), Some("build-7"));
    assert!(matches!(other, Admission::Deny(denial) if denial.failure.reason == Reason::KeyReused));
    let world = world.when(keyed(update_request(&["demo-app"])));
    assert!(world.state.running.is_none());
}

#[test]
fn an_asked_for_rollback_that_the_host_refuses_untouched_is_a_refusal() {
    let world = given().when(rollback()).until(|effect| matches!(effect, Effect::RollBack { .. }));
    let world = world.completes(Outcome::RolledBack(Err(failure(Reason::VaultDamaged)))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::VaultDamaged)));
}

#[test]
fn a_key_that_is_too_long_to_be_remembered_is_denied() {
    let answer = |key: &str| {
        let world = given();
        admit(&world.state, &world.rules, &noon(), &update_request(&["demo-app"]), Some(key))
    };
    assert_eq!(answer(&"k".repeat(200)), Admission::Accept);
    assert!(matches!(answer(&"k".repeat(201)), Admission::Deny(denial) if denial.failure.reason == Reason::BadKey));
}

#[test]
fn a_key_is_known_when_the_list_of_its_job_is_forgotten() {
    let names: Vec<String> = (0..4_000).map(|line| format!("demo-{line:05}-{}", "x".repeat(90))).collect();
    let request = update_request(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let input = |key: &str| Input::Requested {
        request: request.clone(),
        door: Door::Socket,
        idempotency_key: Some(key.to_owned()),
    };
    let world = given().when(input("one")).succeeds();
    assert!(world.job(1).message.contains("its list of 4000 packages"), "{}", world.job(1).message);
    let again = admit(&world.state, &world.rules, &noon(), &request, Some("one"));
    assert_eq!(again, Admission::Already(JobId(1)));
}

#[test]
fn a_rollback_during_a_dry_run_waits_for_its_end_and_goes_back() {
    let Request::Update { packages, approve, .. } = update_request(&["demo-app"]) else { unreachable!() };
    let request = Request::Update { packages, dry_run: true, approve, release: None, bundle: None };
    let input = Input::Requested { request, door: Door::Socket, idempotency_key: None };
    let world = given().when(input).when(rollback()).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::DryRun)));
    assert_eq!(state_of(&world, 2), (JobState::RolledBack, None));
}

#[test]
fn the_key_of_a_rollback_that_cancelled_an_update_never_goes_back_for_real() {
    let request = Request::Rollback { to: None, approve: Vec::new(), from: None };
    let keyed =
        Input::Requested { request: request.clone(), door: Door::Socket, idempotency_key: Some("undo-7".to_owned()) };
    let world = given().when(update(&["demo-app"])).when(keyed.clone()).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::Cancelled)));
    let ask = |request: &Request| admit(&world.state, &world.rules, &noon(), request, Some("undo-7"));
    assert_eq!(ask(&request), Admission::Already(JobId(1)));
    let other = ask(&update_request(&["demo-app"]));
    assert!(matches!(other, Admission::Deny(denial) if denial.failure.reason == Reason::KeyReused));
    assert!(world.clone().when(keyed).state.running.is_none());
}
