//! A server's assignments: when they become jobs, and what the server is told of them.

use super::world::*;
use crate::machine::admit::{Admission, admit};
use crate::machine::effect::{Closed, Effect, Outcome, Survey};
use crate::machine::input::Input;
use belay_protocol::job::{Door, Generation, JobId, JobState, Request};
use belay_protocol::sync::{Action, Assignment, ReportStatus};
use belay_protocol::{Closure, Reason};

#[test]
fn an_assignment_becomes_a_job_and_each_step_is_told() {
    let mut world = given().when(offered(assignment(1)));
    let mut seen = vec![];
    for _ in 0..20 {
        let newest = told(&world).last().cloned();
        if seen.last() != newest.as_ref() {
            seen.extend(newest);
        }
        let Some(effect) = world.effects.front().cloned() else { break };
        world = world.completes(success(&effect));
    }
    let statuses: Vec<_> = seen.into_iter().map(|(_, status, _)| status).collect();
    let expected =
        [ReportStatus::Downloading, ReportStatus::Installing, ReportStatus::Verifying, ReportStatus::Completed];
    assert_eq!(statuses, expected);
    assert_eq!(told(&world), [(Some(1), ReportStatus::Completed, None)], "earlier steps are no news any more");
    assert_eq!(world.job(1).door, Door::Server);
}

#[test]
fn the_end_carries_what_was_resolved() {
    let closure = Closure { packages: vec!["demo-app=2.0".parse().unwrap()], removed: vec![] };
    let mut plan = planned(vec![upgrade("demo-app", "1.0", "2.0")]);
    plan.closure = Some(closure.clone());
    let world = given().when(offered(assignment(1))).completes(Outcome::Planned(Ok(plan))).succeeds();
    assert_eq!(world.state.outbox.pending.back().unwrap().closure, Some(closure));
}

#[test]
fn a_closure_that_the_order_pinned_is_not_sent_back() {
    let closure = Closure { packages: vec!["demo-app=2.0".parse().unwrap()], removed: vec![] };
    let mut offer = assignment(1);
    let Action::InstallPackages { closure: pinned, .. } = &mut offer.action else { unreachable!() };
    *pinned = Some(closure.clone());
    let mut plan = planned(vec![upgrade("demo-app", "1.0", "2.0")]);
    plan.closure = Some(closure);
    let world = given().when(offered(offer)).completes(Outcome::Planned(Ok(plan))).succeeds();
    let report = world.state.outbox.pending.back().unwrap();
    assert_eq!((report.status, &report.closure), (ReportStatus::Completed, &None));
}

#[test]
fn nobody_on_the_device_takes_the_key_of_an_assignment() {
    let ask = |key: &str| Input::Requested {
        request: update_request(&["demo-dep"]),
        door: Door::Socket,
        idempotency_key: Some(key.to_owned()),
    };
    let world = given().when(ask("spring/1")).succeeds().when(ask("server:spring/1")).then(&[]);
    assert_eq!(world.state.next_job, JobId(2), "the key of the server's is refused");
    let world = world.when(offered(assignment(1))).succeeds();
    assert_eq!(told(&world).last(), Some(&(Some(1), ReportStatus::Completed, None)));
    let key = Some("server:x");
    let admission = admit(&world.state, &world.rules, &noon(), &update_request(&["demo-app"]), key);
    assert!(matches!(admission, Admission::Deny(denial) if denial.failure.reason == Reason::BadKey));
}

#[test]
fn an_assignment_that_is_offered_again_changes_nothing() {
    let begun = given().when(offered(assignment(1)));
    assert_eq!(begun.clone().when(offered(assignment(1))).state, begun.state);
    let ended = begun.succeeds();
    assert_eq!(ended.clone().when(offered(assignment(1))).state, ended.state);
}

#[test]
fn an_assignment_never_waits_behind_a_local_job() {
    for offer in [assignment(1), order_back(1)] {
        let world = given().when(update(&["demo-dep"])).when(offered(offer.clone())).when(offered(offer));
        assert_eq!(told(&world), [(Some(1), ReportStatus::Deferred, Some("busy".to_owned()))]);
        assert!(world.state.queued.is_none());
        let world = world.when(offered(assignment(2)));
        assert_eq!(told(&world).len(), 2, "another attempt is another answer");
    }
}

#[test]
fn a_locked_down_device_defers_with_the_reason() {
    let mut world = given();
    world.rules.policy.lockdown = true;
    let world = world.when(offered(assignment(1))).then(&[]);
    assert_eq!(told(&world), [(Some(1), ReportStatus::Deferred, Some("lockdown".to_owned()))]);
    assert!(world.state.outbox.pending[0].message.contains("policy.lockdown"));
}

#[test]
fn a_release_overrides_a_guard_only_where_the_device_allows_that() {
    let mut offer = assignment(1);
    let Action::InstallPackages { approve, .. } = &mut offer.action else { unreachable!() };
    approve.push("guard_protected".to_owned());
    for allowed in [false, true] {
        let mut world = given();
        world.rules.guard.protected = vec!["demo-app".to_owned()];
        world.rules.policy.server_may_approve = if allowed { vec![Reason::GuardProtected] } else { vec![] };
        let world = world.when(offered(offer.clone())).succeeds();
        let told = told(&world);
        if allowed {
            assert_eq!(told, [(Some(1), ReportStatus::Completed, None)]);
        } else {
            assert_eq!(told, [(Some(1), ReportStatus::Failed, Some("guard_protected".to_owned()))]);
            assert!(world.job(1).message.contains("policy.server_may_approve"), "{}", world.job(1).message);
        }
    }
}

#[test]
fn what_a_newer_server_asks_for_fails_by_name() {
    let world = given().when(offered(Assignment { action: Action::Unknown, ..assignment(1) })).then(&[]);
    assert_eq!(told(&world), [(Some(1), ReportStatus::Failed, Some("unknown_action".to_owned()))]);
}

#[test]
fn the_ends_of_an_assignment_are_told_as_what_they_mean() {
    let table = [
        (Reason::Window, ReportStatus::Deferred),
        (Reason::LockTimeout, ReportStatus::Deferred),
        (Reason::OtherRelease, ReportStatus::Skipped),
        (Reason::TooOld, ReportStatus::Failed),
        (Reason::GuardRemoval, ReportStatus::Failed),
        (Reason::ClosureUnavailable, ReportStatus::Failed),
    ];
    for (reason, status) in table {
        let world = given().when(offered(order_back(1))).completes(Outcome::Planned(Err(failure(reason)))).succeeds();
        assert_eq!(told(&world), [(Some(1), status, Some(reason.code().to_owned()))]);
    }
}

#[test]
fn an_update_that_went_back_is_told_as_rolled_back_and_a_rollback_as_completed() {
    let world = given().when(offered(assignment(1))).until(|effect| matches!(effect, Effect::Verify { .. }));
    let world = world.completes(Outcome::Verified(Ok(unhealthy()))).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::RolledBack, Some("unhealthy".to_owned()))]);
    let world = given().when(offered(order_back(1))).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Completed, None)]);
    let Request::Rollback { from, .. } = &world.job(1).request else { panic!("{:?}", world.job(1)) };
    assert_eq!(from.as_ref().map(|from| from.as_str()), Some("v2.0"));
}

#[test]
fn a_device_that_needs_a_person_is_told_as_failed() {
    let world = given().when(offered(assignment(1))).until(|effect| matches!(effect, Effect::Apply { .. }));
    let foreign = failure(Reason::ForeignChange);
    let world = world.completes(Effect::Apply { job: JobId(1) }.failed(failure(Reason::ApplyFailed)));
    let world = world.completes(Outcome::RolledBack(Err(foreign))).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Failed, Some("foreign_change".to_owned()))]);
}

#[test]
fn a_cancel_stops_what_has_changed_nothing() {
    let cancel = Input::Answered { acknowledged: None, assignment: None, cancel: Some(attempt(1)) };
    let world = given().when(offered(assignment(1))).until(|effect| matches!(effect, Effect::Capture { .. }));
    let world = world.when(cancel.clone()).when(cancel.clone()).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Skipped, Some("cancelled".to_owned()))]);
    assert_eq!(world.job(1).message, "the server cancelled it before anything was changed");
    let world = given().when(offered(assignment(1))).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.when(cancel.clone()).succeeds().when(cancel);
    assert_eq!(told(&world), [(Some(1), ReportStatus::Completed, None)]);
}

#[test]
fn a_cancel_of_what_was_never_seen_is_answered_once() {
    let cancel = Input::Answered { acknowledged: None, assignment: None, cancel: Some(attempt(1)) };
    let world = given().when(cancel.clone()).when(cancel).when(offered(assignment(1))).then(&[]);
    assert_eq!(told(&world), [(Some(1), ReportStatus::Skipped, Some("cancelled".to_owned()))]);
}

#[test]
fn a_cancel_leaves_other_jobs_alone() {
    let cancel = Input::Answered { acknowledged: None, assignment: None, cancel: Some(attempt(7)) };
    let world = given().when(update(&["demo-app"])).when(cancel).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn a_local_job_is_told_once_at_its_end_and_a_dry_run_never() {
    let world = given().when(update(&["demo-app"])).succeeds();
    assert_eq!(told(&world), [(None, ReportStatus::Completed, None)]);
    let Request::Update { packages, .. } = update_request(&["demo-app"]) else { unreachable!() };
    let request = Request::Update { packages, dry_run: true, approve: vec![], release: None, bundle: None };
    let dry = Input::Requested { request, door: Door::Socket, idempotency_key: None };
    assert_eq!(told(&given().when(dry).succeeds()), []);
}

#[test]
fn a_release_that_is_there_already_is_committed_without_a_change() {
    let world = given().when(offered(assignment(1))).completes(Outcome::Planned(Ok(planned(vec![]))));
    let world = world.then(&[Effect::Commit { job: JobId(1) }]).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Completed, None)]);
    assert_eq!(world.job(1).message, "the device already is as the list asks");
}

#[test]
fn a_release_whose_note_cannot_be_written_changed_nothing() {
    let world = given().when(offered(assignment(1))).completes(Outcome::Planned(Ok(planned(vec![]))));
    let world = world.completes(Outcome::Committed(Err(failure(Reason::State))));
    let world = world.then(&[Effect::Discard { job: JobId(1) }]).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Failed, Some("state".to_owned()))]);
}

#[test]
fn a_lost_journal_learns_the_end_of_an_assignment_from_the_ledger() {
    let closed = Closed {
        job: JobId(7),
        request: update_request(&["demo-app"]),
        end: JobState::RolledBack,
        reason: Some(Reason::Interrupted),
        message: "as the ledger says".to_owned(),
        generation: Generation(0),
        at: noon().at,
        assignment: Some(attempt(3)),
    };
    let survey = Survey { closed: vec![closed], ..Survey::default() };
    let world = given().restarts(survey.clone()).restarts(survey).when(offered(assignment(3))).then(&[]);
    assert_eq!(told(&world), [(Some(3), ReportStatus::RolledBack, Some("interrupted".to_owned()))]);
}

#[test]
fn what_is_acknowledged_is_forgotten_and_nothing_else() {
    let ack = |seq| Input::Answered { acknowledged: Some(seq), assignment: None, cancel: None };
    let world = given().when(update(&["demo-app"])).succeeds().when(update(&["demo-app"])).succeeds();
    let seqs = |world: &World| world.state.outbox.pending.iter().map(|report| report.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&world), [1, 2]);
    assert_eq!(seqs(&world.clone().when(ack(1))), [2]);
    assert_eq!(seqs(&world.clone().when(ack(99))), [1, 2], "a number that was never given is of another outbox");
    let world = world.when(ack(2)).when(update(&["demo-app"])).succeeds();
    assert_eq!(seqs(&world), [3]);
}

#[test]
fn a_full_outbox_drops_what_nobody_assigned_and_says_so() {
    let mut world = given().when(offered(assignment(1))).succeeds();
    let last = world.state.outbox.last;
    world = world.when(Input::Answered { acknowledged: Some(last), assignment: None, cancel: None });
    world = world.when(offered(assignment(2))).succeeds();
    for _ in 0..300 {
        world = world.when(update(&["demo-app"])).succeeds();
    }
    let outbox = &world.state.outbox;
    assert_eq!((outbox.pending.len(), outbox.dropped), (256, 45));
    assert_eq!(outbox.pending[0].assignment, Some(attempt(2)));
    assert!(outbox.warning().unwrap().starts_with("45 reports were dropped"), "{:?}", outbox.warning());
}

#[test]
fn closures_go_before_ends_do() {
    let mut plan = planned(vec![upgrade("demo-app", "1.0", "2.0")]);
    plan.closure = Some(Closure { packages: vec!["demo-app=2.0".parse().unwrap()], removed: vec![] });
    let mut world = given().when(offered(assignment(1))).completes(Outcome::Planned(Ok(plan))).succeeds();
    world.state.forget_closures();
    let report = &world.state.outbox.pending[0];
    assert_eq!((report.status, report.closure.is_none()), (ReportStatus::Completed, true));
    assert!(report.message.contains("closure is not sent"), "{}", report.message);
}
