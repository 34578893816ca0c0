//! Starting again: where journal and ledger disagree, the ledger is right.

use super::world::*;
use crate::machine::effect::{Closed, Effect, OpenTransaction, Outcome, Survey};
use crate::machine::input::Input;
use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobId, JobState};

const JOB: JobId = JobId(1);

#[test]
fn an_update_interrupted_before_applying_starts_over() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Capture { .. }));
    let world = world.restarts(open(false));
    let world =
        world.then(&[Effect::Plan { job: JOB, request: update_request(&["demo-app"]), assignment: None }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn an_update_interrupted_again_and_again_is_given_up() {
    let mut world = given().when(update(&["demo-app"]));
    for _ in 0..4 {
        world = world.restarts(open(false));
    }
    let world = world.succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::GaveUp)));
}

#[test]
fn effects_from_applying_on_are_issued_again() {
    for wanted in [
        (|effect| matches!(effect, Effect::Apply { .. })) as fn(&Effect) -> bool,
        |effect| matches!(effect, Effect::Verify { .. }),
        |effect| matches!(effect, Effect::Commit { .. }),
    ] {
        let world = given().when(update(&["demo-app"])).until(wanted);
        let before = Vec::from(world.effects.clone());
        world.restarts(open(true)).then(&before);
    }
}

#[test]
fn a_verdict_of_the_ledger_ends_the_job() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.restarts(closed(1, JobState::RolledBack, Some(Reason::Interrupted)));
    let world = world.then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Interrupted)));
}

#[test]
fn a_journal_that_is_older_than_the_ledger_learns_from_it() {
    let world = given().restarts(closed(7, JobState::Committed, None));
    assert_eq!(state_of(&world, 7), (JobState::Committed, None));
    assert_eq!(world.state.next_job, JobId(8));
    let again = world.restarts(closed(7, JobState::Committed, None));
    assert_eq!(again.state.ended.len(), 1);
}

#[test]
fn a_planning_journal_with_a_touched_device_goes_back() {
    let world = given().when(update(&["demo-app"])).restarts(open(true));
    assert!(matches!(world.effects.front(), Some(Effect::RollBack { .. })), "{:?}", world.effects);
}

#[test]
fn a_transaction_that_the_journal_lost_is_adopted() {
    let world = given().restarts(open(true)).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Interrupted)));
    let world = given().restarts(open(false)).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::Interrupted)));
}

#[test]
fn a_stuck_transaction_is_told_once() {
    let mut survey = open(true);
    survey.open.as_mut().unwrap().stuck = Some(failure(Reason::UndoFailed));
    let world = given().restarts(survey.clone()).then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::NeedsAttention, Some(Reason::UndoFailed)));
    let world = world.restarts(survey);
    assert_eq!(world.state.ended.len(), 1);
}

#[test]
fn a_rollback_that_waited_begins_after_the_restart() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.when(rollback()).restarts(closed(1, JobState::Committed, None)).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
    assert_eq!(state_of(&world, 2), (JobState::RolledBack, None));
}

fn open(touched: bool) -> Survey {
    let open = OpenTransaction {
        job: JOB,
        request: update_request(&["demo-app"]),
        touched,
        stuck: None,
        awaits_reboot: false,
        assignment: None,
    };
    Survey { open: Some(open), ..Survey::default() }
}

fn closed(job: u64, end: JobState, reason: Option<Reason>) -> Survey {
    let closed = Closed {
        job: JobId(job),
        request: update_request(&["demo-app"]),
        end,
        reason,
        message: "as the ledger says".to_owned(),
        generation: Generation(0),
        at: noon().at,
        assignment: None,
    };
    Survey { closed: vec![closed], ..Survey::default() }
}

#[test]
fn a_stuck_transaction_is_not_silenced_by_the_next_job() {
    let mut survey = open(true);
    survey.open.as_mut().unwrap().stuck = Some(failure(Reason::UndoFailed));
    let world = given().restarts(survey.clone());
    assert!(world.state.needs_attention());
    let world = world.when(update(&["demo-app"])).completes(Outcome::Planned(Err(failure(Reason::State)))).succeeds();
    assert_eq!(state_of(&world, 2), (JobState::Refused, Some(Reason::State)));
    assert!(world.state.needs_attention(), "the device is as broken as before");
    let world = world.restarts(survey);
    assert!(world.state.needs_attention(), "nor by a restart");
    let world = world.when(rollback()).succeeds();
    assert_eq!(state_of(&world, 3), (JobState::RolledBack, None));
    assert!(!world.state.needs_attention());
}

#[test]
fn a_stuck_transaction_is_over_when_the_host_says_so() {
    let mut survey = open(true);
    survey.open.as_mut().unwrap().stuck = Some(failure(Reason::UndoFailed));
    let world = given().restarts(survey).restarts(Survey::default());
    assert!(!world.state.needs_attention());
}

#[test]
fn a_survey_that_failed_leaves_what_was_known() {
    let mut survey = open(true);
    survey.open.as_mut().unwrap().stuck = Some(failure(Reason::UndoFailed));
    let world = given().restarts(Survey { generation: Generation(3), ..survey });
    let before = world.state.clone();
    let world = world.when(Input::Completed { job: None, outcome: Effect::Survey.failed(failure(Reason::State)) });
    assert_eq!(world.state, before);
    assert!(world.state.needs_attention());
}
