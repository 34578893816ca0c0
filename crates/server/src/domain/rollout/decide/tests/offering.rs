//! Who is offered it, and what happens to offers that nobody takes up.

use belay_protocol::admin::DeploymentKind;

use super::*;

#[test]
fn devices_are_offered_it_in_the_order_of_the_candidates() {
    let world = World::new(Strategy::Immediate, waiting(3)).candidates(&["c", "a", "b"]);
    assert_eq!(world.offered(), ["c", "a", "b"]);
    assert_eq!(world.only().reason, "offered to 3 devices");
    assert!(World::new(Strategy::Immediate, waiting(3)).words().is_empty(), "nobody is there");
}

#[test]
fn never_more_are_in_flight_than_the_policy_says() {
    for (at_work, expected) in [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)] {
        let tally = Tally { installing: at_work, ..waiting(9) };
        let world = World::new(Strategy::Immediate, tally)
            .policy(|policy| policy.max_in_flight = 3)
            .candidates(&["a", "b", "c", "d", "e"]);
        assert_eq!(world.offered().len(), expected, "{at_work} at work");
    }
}

#[test]
fn never_more_begin_than_the_open_waves_hold() {
    let tally = Tally { completed: 2, installing: 1, retrying: 1, ..waiting(9) };
    let world = World::new(CANARY, tally).allowed(6).candidates(&["a", "b", "c"]);
    assert_eq!(world.offered(), ["a", "b"]);
}

#[test]
fn a_retry_takes_no_new_place() {
    let tally = Tally { completed: 1, retrying: 1, ..waiting(9) };
    let world = World::new(CANARY, tally).allowed(2).candidates(&["a", "*again", "b"]);
    assert_eq!(world.offered(), ["again"]);
}

#[test]
fn outside_the_windows_nothing_is_offered_and_everything_else_goes_on() {
    let closed = |world: World| world.policy(|policy| policy.windows = vec!["Fri 00:00-24:00".to_owned()]);
    assert!(closed(World::new(Strategy::Immediate, waiting(1)).candidates(&["a"])).words().is_empty());
    assert_eq!(closed(World::new(Strategy::Immediate, ended(0, 5, 1))).words(), ["halt"]);
    assert_eq!(closed(World::new(Strategy::Immediate, ended(5, 0, 0))).words(), ["finish"]);
    assert_eq!(closed(World::new(ROLLING, ended(5, 0, 9)).allowed(5)).words(), ["widen"]);
    let silent = World::new(Strategy::Immediate, Tally { installing: 1, ..Tally::default() });
    assert_eq!(closed(silent.working(AssignmentStatus::Installing, at(-9_999))).words(), ["time_out"]);
}

#[test]
fn a_first_device_resolves_the_versions_alone() {
    for strategy in [Strategy::Manual, Strategy::Immediate, CANARY, ROLLING] {
        let mut world = World::new(strategy, waiting(9)).candidates(&["a", "b"]);
        world.deployment.frozen = None;
        assert_eq!(world.offered(), ["a"], "{strategy:?}");
        assert_eq!(world.only().reason, "offered to a alone: no device has fixed the versions for all yet");
        world.tally = Tally { installing: 1, ..waiting(8) };
        assert!(world.offered().is_empty(), "one at a time: {strategy:?}");
        world.tally = ended(0, 1, 8);
        assert_eq!(world.offered(), ["a"], "the next one resolves where the first failed: {strategy:?}");
    }
}

#[test]
fn a_way_back_needs_no_versions() {
    let mut world = World::new(Strategy::Immediate, waiting(9)).candidates(&["a", "b"]);
    world.deployment.frozen = None;
    world.deployment.kind = DeploymentKind::RollBack;
    assert_eq!(world.offered(), ["a", "b"]);
}

#[test]
fn an_offer_that_is_not_picked_up_goes_to_another() {
    let world = || {
        World::new(Strategy::Immediate, Tally { offered: 1, ..waiting(1) })
            .policy(|policy| policy.spread_s = 60)
            .working(AssignmentStatus::Offered, at(0))
    };
    assert!(world().at(959).words().is_empty());
    let withdrawn = world().at(960).candidates(&["other"]).only();
    assert_eq!(withdrawn.act, Act::Withdraw { device: "dev".parse().unwrap() });
    assert_eq!(withdrawn.reason, "withdrawn from dev: not picked up within 960 s");
}

#[test]
fn a_device_that_began_and_does_not_end_is_silent() {
    for status in [AssignmentStatus::Downloading, AssignmentStatus::Installing, AssignmentStatus::Verifying] {
        let world = || World::new(Strategy::Immediate, Tally { installing: 1, ..waiting(1) }).working(status, at(0));
        assert!(world().at(3_599).words().is_empty());
        let silent = world().at(3_600).candidates(&["other"]).only();
        assert_eq!(silent.act, Act::TimeOut { device: "dev".parse().unwrap() }, "{status:?}");
        assert_eq!(silent.reason, "dev is silent: it began and did not end within 3600 s");
    }
}

#[test]
fn a_device_that_is_to_be_tried_again_and_vanished_is_silent() {
    let world = || {
        World::new(ROLLING, Tally { retrying: 1, ..ended(4, 0, 9) })
            .allowed(5)
            .working(AssignmentStatus::Pending, at(0))
    };
    assert!(world().at(3_599).words().is_empty());
    let silent = world().at(3_600).only();
    assert_eq!(silent.reason, "dev is silent: it is to be tried again and was not heard of for 3600 s");
}

#[test]
fn while_nothing_more_is_offered_devices_at_work_go_on_and_mere_offers_are_taken_back() {
    for status in [
        DeploymentStatus::Paused,
        DeploymentStatus::Halted,
        DeploymentStatus::Cancelled,
        DeploymentStatus::Completed,
        DeploymentStatus::Failed,
    ] {
        let world = || World::new(Strategy::Immediate, waiting(9)).status(status).candidates(&["a"]);
        assert!(world().words().is_empty(), "{status:?}");
        assert!(world().at(99_999_999).words().is_empty(), "no deadline for {status:?}");
        assert!(world().working(AssignmentStatus::Installing, at(99)).words().is_empty(), "{status:?}");
        assert_eq!(world().working(AssignmentStatus::Installing, at(-3_500)).words(), ["time_out"], "{status:?}");
        assert_eq!(world().working(AssignmentStatus::Offered, at(99)).words(), ["withdraw"], "{status:?}");
    }
}
