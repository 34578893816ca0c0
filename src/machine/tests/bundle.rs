//! Bundles: fetched first, then an update like any other, with a restart of the device where they need one.

use super::world::*;
use crate::machine::effect::{Applied, Arrived, Closed, Effect, OpenTransaction, Outcome, Reboot, Survey};
use crate::machine::input::Input;
use crate::machine::state::Step;
use belay_protocol::bundle::BundleSource;
use belay_protocol::job::{Door, Generation, JobId, JobState, Request};
use belay_protocol::sync::{Action, ReportStatus};
use belay_protocol::{Failure, PackageList, Reason};

const JOB: JobId = JobId(1);

#[test]
fn a_bundle_is_fetched_before_anything_is_planned() {
    let world = given().when(bundle());
    let world = world.then(&[download()]);
    assert_eq!(state_of(&world, 1), (JobState::Fetching, None));
    let world = world.succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn what_a_bundle_declares_becomes_what_the_job_installs() {
    let packages: PackageList = "demo-app=2.0\nlibdemo".parse().unwrap();
    let warnings = vec!["the bundle runs directly".to_owned()];
    let arrived =
        Arrived { version: "2.33.07".parse().unwrap(), packages: packages.clone(), warnings: warnings.clone() };
    let world = given().when(bundle()).completes(Outcome::Downloaded(Ok(arrived)));
    let Some(Effect::Plan { request: Request::Update { packages: planned, bundle, .. }, .. }) = world.effects.front()
    else {
        panic!("{:?}", world.effects)
    };
    assert_eq!(*planned, packages);
    assert_eq!(bundle.as_ref().unwrap().version.as_ref().unwrap().as_str(), "2.33.07");
    assert_eq!(world.job(1).warnings, warnings);
    assert_eq!(world.job(1).state, JobState::Planning);
}

#[test]
fn a_bundle_without_packages_is_installed_although_its_plan_is_empty() {
    let world = given().when(bundle()).completes(Outcome::Downloaded(Ok(arrived())));
    let world = world.completes(Outcome::Planned(Ok(planned(vec![])))).then(&[Effect::Fetch { job: JOB }]);
    let world = world.until(|effect| matches!(effect, Effect::Apply { .. })).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
    assert_eq!(world.job(1).message, "installed, healthy, committed");
}

#[test]
fn a_bundle_that_is_not_taken_changes_nothing() {
    for reason in [Reason::Unsigned, Reason::DigestMismatch, Reason::UnpackParent, Reason::FetchFailed] {
        let world = given().when(bundle()).completes(Outcome::Downloaded(Err(failure(reason))));
        let world = world.then(&[Effect::Discard { job: JOB }]).succeeds();
        assert_eq!(state_of(&world, 1), (JobState::Refused, Some(reason)));
    }
}

#[test]
fn a_dry_run_of_a_bundle_ends_with_its_plan() {
    let Request::Update { packages, approve, release, bundle, .. } = bundle_request() else { unreachable!() };
    let request = Request::Update { packages, dry_run: true, approve, release, bundle };
    let world = given().when(Input::Requested { request, door: Door::Socket, idempotency_key: None }).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::DryRun)));
    assert!(world.job(1).plan.is_some());
}

#[test]
fn a_rollback_cancels_a_bundle_that_is_still_fetched() {
    let world = given().when(bundle()).when(rollback());
    let world = world.completes(Outcome::Downloaded(Ok(arrived())));
    let world = world.then(&[Effect::Discard { job: JOB }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Refused, Some(Reason::Cancelled)));
}

#[test]
fn a_device_that_must_start_again_does_so_at_once_where_a_window_is_open() {
    let world = awaiting(&[]).then(&[Effect::Reboot { job: JOB }]);
    assert_eq!(state_of(&world, 1), (JobState::Rebooting, None));
    let world = world.completes(Outcome::Rebooting(Ok(Reboot::Done))).then(&[Effect::Verify { job: JOB }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn a_device_that_must_start_again_waits_for_its_window() {
    let world = awaiting(&["02:00-04:00"]).then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::Rebooting, None));
    assert!(world.job(1).message.contains("the kernel was replaced"), "{}", world.job(1).message);
    let mut world = world.when(Input::Tick).then(&[]);
    world.rules.policy.windows = vec!["11:00-13:00".parse().unwrap()];
    world.when(Input::Tick).then(&[Effect::Reboot { job: JOB }]);
}

#[test]
fn who_approved_the_window_gets_the_restart_at_once() {
    let Request::Update { packages, dry_run, release, bundle, .. } = bundle_request() else { unreachable!() };
    let request = Request::Update { packages, dry_run, approve: vec![Reason::Window], release, bundle };
    let mut world = given();
    world.rules.policy.windows = vec!["02:00-04:00".parse().unwrap()];
    let world = world.when(Input::Requested { request, door: Door::Socket, idempotency_key: None });
    applied(world).then(&[Effect::Reboot { job: JOB }]);
}

#[test]
fn ticks_that_nothing_waits_for_change_nothing() {
    let idle = given();
    assert_eq!(idle.clone().when(Input::Tick).state, idle.state);
    let busy = given().when(bundle());
    assert_eq!(busy.clone().when(Input::Tick).state, busy.state);
}

#[test]
fn a_rollback_takes_back_what_only_waits_for_the_restart() {
    let world = awaiting(&["02:00-04:00"]).when(rollback());
    let Some(Effect::RollBack { because, .. }) = world.effects.front() else { panic!("{:?}", world.effects) };
    assert_eq!(because.reason, Reason::Cancelled);
    let world = world.completes(Outcome::RolledBack(Ok(undone())));
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Cancelled)));
    assert!(world.job(1).has_gone_back());
}

#[test]
fn a_rollback_that_waited_for_such_a_job_goes_back_once_not_twice() {
    let mut world = given().when(bundle()).until(|effect| matches!(effect, Effect::Apply { .. })).when(rollback());
    world.rules.policy.windows = vec!["02:00-04:00".parse().unwrap()];
    let world = world.completes(needs_reboot()).when(Input::Tick);
    let world = world.completes(Outcome::RolledBack(Ok(undone()))).then(&[Effect::Survey]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Cancelled)));
    assert_eq!(state_of(&world, 2), (JobState::Committed, None));
    assert!(world.job(2).has_gone_back());
}

#[test]
fn the_ledgers_word_that_it_was_taken_back_fulfils_the_rollback_too() {
    let mut world = given().when(bundle()).until(|effect| matches!(effect, Effect::Apply { .. })).when(rollback());
    world.rules.policy.windows = vec!["02:00-04:00".parse().unwrap()];
    let closed = Closed {
        job: JOB,
        request: bundle_request(),
        end: JobState::RolledBack,
        reason: Some(Reason::Cancelled),
        message: "as the ledger says".to_owned(),
        generation: Generation(0),
        at: noon().at,
        assignment: None,
    };
    let survey = Survey { closed: vec![closed], ..Survey::default() };
    let world = world.completes(needs_reboot()).when(Input::Tick).restarts(survey).then(&[]);
    assert_eq!(state_of(&world, 2), (JobState::Committed, None));
}

#[test]
fn a_rollback_further_back_goes_on_after_such_a_job() {
    let request = Request::Rollback { to: Some(Generation(0)), approve: vec![], from: None };
    let further = Input::Requested { request, door: Door::Socket, idempotency_key: None };
    let world = awaiting(&["02:00-04:00"]).when(further).then(&[]).when(Input::Tick);
    let world = world.completes(Outcome::RolledBack(Ok(undone())));
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Plan { .. })), "{:?}", world.effects);
    assert_eq!(state_of(&world.succeeds(), 2), (JobState::RolledBack, None));
}

#[test]
fn the_servers_cancel_does_not_take_back_what_waits_for_the_restart() {
    let cancel = Input::Answered { acknowledged: None, assignment: None, cancel: Some(attempt(1)) };
    let mut world = given().when(offered(bundle_assignment(1)));
    world.rules.policy.windows = vec!["02:00-04:00".parse().unwrap()];
    let world = applied(world).when(cancel).then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::Rebooting, None));
}

#[test]
fn a_device_that_goes_down_is_judged_after_the_restart() {
    let world = awaiting(&[]).completes(Outcome::Rebooting(Ok(Reboot::Ordered))).then(&[]);
    assert_eq!(state_of(&world, 1), (JobState::Rebooting, None));
    let world = world.restarts(open(true)).then(&[Effect::Reboot { job: JOB }]);
    let world = world.completes(Outcome::Rebooting(Ok(Reboot::Done))).then(&[Effect::Verify { job: JOB }]);
    assert_eq!(state_of(&world.succeeds(), 1), (JobState::Committed, None));
}

#[test]
fn a_device_that_is_not_healthy_after_the_restart_goes_back() {
    let world = awaiting(&[]).completes(Outcome::Rebooting(Ok(Reboot::Done)));
    let world = world.completes(Outcome::Verified(Ok(unhealthy()))).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::Unhealthy)));
}

#[test]
fn a_device_that_cannot_be_started_again_goes_back() {
    let world = awaiting(&[]).completes(Outcome::Rebooting(Err(failure(Reason::RebootFailed))));
    let world = world.then(&[Effect::RollBack { job: JOB, because: failure(Reason::RebootFailed) }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::RolledBack, Some(Reason::RebootFailed)));
}

#[test]
fn packages_may_need_a_restart_too() {
    let world = given().when(update(&["demo-app"])).until(|effect| matches!(effect, Effect::Apply { .. }));
    let world = world.completes(needs_reboot()).then(&[Effect::Reboot { job: JOB }]).succeeds();
    assert_eq!(state_of(&world, 1), (JobState::Committed, None));
}

#[test]
fn a_bundle_that_was_interrupted_while_it_came_is_fetched_again() {
    let world = given().when(bundle()).restarts(Survey::default()).then(&[download()]);
    let world = world.completes(Outcome::Downloaded(Ok(arrived()))).restarts(open(false));
    // What it declared is learnt anew.
    assert!(matches!(world.effects.front(), Some(Effect::Download { .. })), "{:?}", world.effects);
    assert_eq!(state_of(&world.succeeds(), 1), (JobState::Committed, None));
}

#[test]
fn a_download_that_is_interrupted_again_and_again_goes_on() {
    let mut world = given().when(bundle());
    for _ in 0..4 {
        world = world.restarts(Survey::default());
    }
    assert_eq!(state_of(&world.succeeds(), 1), (JobState::Committed, None));
}

#[test]
fn what_waited_for_a_window_waits_on_after_a_restart_of_the_agent() {
    let world = awaiting(&["02:00-04:00"]).restarts(open(true)).then(&[]);
    assert!(matches!(world.state.running.as_ref().unwrap().step, Step::AwaitingReboot { .. }));
    let mut world = world.when(Input::Tick).then(&[]);
    world.rules.policy.windows = vec![];
    world.when(Input::Tick).then(&[Effect::Reboot { job: JOB }]);
}

#[test]
fn a_touched_device_whose_bundle_was_only_coming_goes_back() {
    let world = given().when(bundle()).restarts(open(true));
    assert!(matches!(world.effects.front(), Some(Effect::RollBack { .. })), "{:?}", world.effects);
}

#[test]
fn a_servers_bundle_is_ordered_as_it_says() {
    let world = given().when(offered(bundle_assignment(1)));
    let Some(Effect::Download { order, assignment, approve, .. }) = world.effects.front() else {
        panic!("{:?}", world.effects)
    };
    assert_eq!(order.source, BundleSource::Server);
    assert_eq!((order.sha256, order.size), (bundle_order().sha256, Some(1_000)));
    assert_eq!(order.version.as_ref().unwrap().as_str(), "v2.0");
    assert_eq!((assignment, approve.as_slice()), (&Some(attempt(1)), &[][..]));
    assert_eq!(world.job(1).request.release().unwrap().as_str(), "v2.0");
    assert_eq!(told(&world), [(Some(1), ReportStatus::Downloading, None)]);
    assert_eq!(told(&world.succeeds()).last(), Some(&(Some(1), ReportStatus::Completed, None)));
}

#[test]
fn a_servers_bundle_may_lie_elsewhere() {
    let mut offer = bundle_assignment(1);
    let Action::InstallBundle { url, .. } = &mut offer.action else { unreachable!() };
    *url = Some("https://cdn.example/b.tar.gz".to_owned());
    let world = given().when(offered(offer));
    let source = &world.job(1).request.bundle().unwrap().source;
    assert_eq!(*source, BundleSource::Url { url: "https://cdn.example/b.tar.gz".to_owned() });
}

#[test]
fn approvals_that_this_program_does_not_know_are_dropped() {
    let mut offer = bundle_assignment(1);
    let Action::InstallBundle { approve, .. } = &mut offer.action else { unreachable!() };
    *approve = vec!["denied".to_owned(), "from_the_future".to_owned(), "guard_path".to_owned()];
    let mut world = given();
    world.rules.policy.server_may_approve = vec![];
    let world = world.when(offered(offer));
    assert_eq!(world.job(1).request.approvals(), [Reason::Denied], "a server's word counts where the device lets it");
}

#[test]
fn a_cancel_of_the_servers_stops_a_bundle_that_is_still_fetched() {
    let cancel = Input::Answered { acknowledged: None, assignment: None, cancel: Some(attempt(1)) };
    let world = given().when(offered(bundle_assignment(1))).when(cancel).succeeds();
    assert_eq!(told(&world), [(Some(1), ReportStatus::Skipped, Some("cancelled".to_owned()))]);
}

#[test]
fn the_same_key_is_the_same_bundle_whatever_it_turned_out_to_declare() {
    let ask = || Input::Requested { request: bundle_request(), door: Door::Socket, idempotency_key: Some("k".into()) };
    let world = given().when(ask());
    let declared = Arrived { packages: "demo-app".parse().unwrap(), ..arrived() };
    let world = world.completes(Outcome::Downloaded(Ok(declared))).succeeds().when(ask()).then(&[]);
    assert_eq!(world.state.next_job, JobId(2));
}

fn download() -> Effect {
    Effect::Download { job: JOB, order: bundle_order(), assignment: None, approve: Vec::new() }
}

fn needs_reboot() -> Outcome {
    Outcome::Applied(Applied::DoneWith { notes: Vec::new(), reboot: Some("the kernel was replaced".to_owned()) })
}

/// Applied, so that the device must be started again.
fn applied(world: World) -> World {
    world.until(|effect| matches!(effect, Effect::Apply { .. })).completes(needs_reboot())
}

/// A bundle that is applied and needs a restart; the windows close after it was admitted.
fn awaiting(windows: &[&str]) -> World {
    let mut world = given().when(bundle());
    world.rules.policy.windows = windows.iter().map(|window| window.parse().unwrap()).collect();
    applied(world)
}

fn open(touched: bool) -> Survey {
    let request = bundle_request();
    let open =
        OpenTransaction { job: JOB, request, touched, stuck: None::<Failure>, awaits_reboot: false, assignment: None };
    Survey { open: Some(open), ..Survey::default() }
}
