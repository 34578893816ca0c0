//! What a server orders, cut anywhere: it is told the end exactly once, and the truth.

use std::time::Duration;

use belay_protocol::Closure;
use belay_protocol::job::JobState;
use belay_protocol::sync::{Action, ReportStatus};

use super::cut::Cut;
use super::life::World;
use super::scenarios::{self, Ask, Scenario};
use super::{alone, cut_everywhere};

#[test]
fn an_ordered_update_cut_anywhere_is_told_once_and_truly() {
    cut_everywhere(&ordered(scenarios::update(), install("v2.0", Some(frozen()))));
}

#[test]
fn an_ordered_update_that_is_unhealthy_cut_anywhere_is_told_once_and_truly() {
    cut_everywhere(&ordered(scenarios::unhealthy(), install("v2.0", None)));
}

#[test]
fn a_rollback_by_order_cut_anywhere_is_told_once_and_truly() {
    cut_everywhere(&ordered(released(scenarios::rollback()), back()));
}

#[test]
fn a_release_that_is_there_already_cut_anywhere_is_told_once_and_truly() {
    let satisfied = Scenario { ends: JobState::Committed, ..released(scenarios::rollback()) };
    cut_everywhere(&ordered(satisfied, install("v2.1", None)));
}

#[test]
fn going_back_from_a_release_that_changed_nothing_cut_anywhere_is_told_once_and_truly() {
    let mut scenario = released(scenarios::rollback());
    scenario.history.push(scenarios::release("v2.1"));
    let order = Action::RollBack { release: Some("v2.1".parse().expect("a version")) };
    cut_everywhere(&ordered(scenario, order));
}

#[test]
fn a_lost_journal_begins_another_outbox_and_tells_the_end_there_without_doing_anything_again() {
    let _alone = alone();
    let scenario = ordered(scenarios::update(), install("v2.0", None));
    let world = World::prepared(&scenario);
    let server = world.ask(&scenario);
    world.live(&server, &Cut::never()).expect("it is not cut");
    let new = world.picture();
    world.lose_journal();
    world.live(&server, &Cut::never()).expect("it is not cut");
    let Ask::Server(server) = server else { unreachable!() };
    let ends = server.ends();
    let statuses: Vec<_> = ends.iter().map(|(_, end)| end.status).collect();
    assert_eq!(statuses, [ReportStatus::Completed; 2]);
    assert_ne!(ends[0].0, ends[1].0, "in an outbox of its own");
    assert_eq!(world.picture(), new);
    assert_eq!(world.measured().generation.0, 1, "nothing ran again");
}

#[test]
fn what_was_committed_too_long_ago_is_not_gone_back_from_by_order() {
    let _alone = alone();
    let mut scenario = ordered(released(scenarios::rollback()), back());
    scenario.settings.rules.policy.server_rollback_within = Duration::ZERO;
    let world = World::prepared(&scenario);
    let before = world.picture();
    let ask = world.ask(&scenario);
    world.live(&ask, &Cut::never()).expect("it is not cut");
    let Ask::Server(server) = ask else { unreachable!() };
    let [(_, end)] = &server.ends()[..] else { panic!("{:?}", server.ends()) };
    assert_eq!((end.status, end.reason.as_deref()), (ReportStatus::Failed, Some("too_old")), "{}", end.message);
    assert_eq!(world.picture(), before);
    // The same, asked for on the device itself, is nobody's business.
    world.live(&Ask::Locally(scenario.request), &Cut::never()).expect("it is not cut");
    assert_eq!(world.measured().generation.0, 0);
}

/// The same by a server's order.
fn ordered(scenario: Scenario, order: Action) -> Scenario {
    Scenario { order: Some(order), ..scenario }
}

/// With a history of releases instead of bare lists.
fn released(scenario: Scenario) -> Scenario {
    Scenario { history: vec![scenarios::release("v2.0")], ..scenario }
}

fn install(release: &str, closure: Option<Closure>) -> Action {
    Action::InstallPackages {
        release: release.parse().expect("a version"),
        packages: "demo-app".parse().expect("a list"),
        closure,
        approve: Vec::new(),
        manifest: None,
    }
}

fn back() -> Action {
    Action::RollBack { release: Some("v2.0".parse().expect("a version")) }
}

fn frozen() -> Closure {
    let packages = ["demo-app=2.0", "demo-extra=1.0", "demo-lib=2.0"];
    Closure { packages: packages.iter().map(|spec| spec.parse().expect("a package")).collect(), removed: Vec::new() }
}
