//! When a deployment begins.

use super::*;

fn pending(strategy: Strategy) -> World {
    let mut world = World::new(strategy, waiting(40)).status(DeploymentStatus::Pending);
    world.deployment.started_at = None;
    world
}

#[test]
fn only_an_immediate_deployment_starts_by_itself() {
    assert_eq!(pending(Strategy::Immediate).words(), ["start"]);
    for strategy in [Strategy::Manual, CANARY, SOAKED, ROLLING] {
        assert!(pending(strategy).words().is_empty(), "{strategy:?}");
    }
}

#[test]
fn with_a_start_time_every_strategy_starts_then_and_no_sooner() {
    for strategy in [Strategy::Manual, Strategy::Immediate, CANARY, ROLLING] {
        let world = pending(strategy).policy(|policy| policy.start_at = Some(at(100)));
        assert!(world.at(99).words().is_empty(), "{strategy:?}");
        let world = pending(strategy).policy(|policy| policy.start_at = Some(at(100)));
        assert_eq!(world.at(100).words(), ["start"], "{strategy:?}");
    }
}

#[test]
fn one_device_comes_first_as_one() {
    let reason = |devices| {
        let mut world = pending(CANARY).policy(|policy| policy.start_at = Some(at(0)));
        world.tally = Tally { waiting: devices, ..Tally::default() };
        world.only().reason
    };
    assert_eq!(reason(1), "started: 1 of 1 device comes first");
    assert_eq!(reason(5), "started: 1 of 5 devices comes first");
    assert_eq!(reason(20), "started: 2 of 20 devices come first");
}

#[test]
fn the_start_opens_the_first_wave_of_those_that_need_it() {
    for (strategy, allowed, reason) in [
        (Strategy::Immediate, None, "started: all 40 devices may begin"),
        (CANARY, Some(4), "started: 4 of 40 devices come first"),
        (ROLLING, Some(8), "started: 8 of 40 devices come first"),
    ] {
        let mut world = pending(strategy).policy(|policy| policy.start_at = Some(at(0)));
        world.tally.skipped = 60;
        assert_eq!(world.only().reason, reason);
        world.apply();
        assert_eq!(world.deployment.allowed, allowed);
        assert_eq!(world.deployment.started_at, Some(at(100)));
        assert!(world.words().is_empty(), "it starts once");
    }
}
