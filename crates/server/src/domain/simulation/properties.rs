//! The properties: over any course of events, and over any course that is fair in the end.

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, Policy, Strategy};
use proptest::prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use super::world::{Setup, Step, World};
use crate::domain::AssignmentStatus;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_rule_is_broken(setup in setups(), steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new(setup);
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn once_devices_and_operators_are_fair_every_deployment_ends(
        setup in setups(),
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let mut world = World::new(setup);
        for step in &steps {
            world.step(step);
        }
        be_fair(&mut world);
        let tally = world.tally();
        if !world.deployment.is_standing() {
            world.step(&Step::Clock(i32::MAX / 4));
            for _ in 0..3 {
                be_fair(&mut world);
            }
            prop_assert!(world.deployment.is_over(), "{:?} {:?}", world.deployment, world.tally());
            prop_assert_eq!(world.tally().in_flight() + world.tally().pending(), 0);
        }
        let long = world.deployment.policy.deadline_s == Policy::default().deadline_s;
        for member in world.members.iter().filter(|member| long && !member.deaf && !member.gone) {
            let reason = member.assignment.reason.as_deref().unwrap_or_default();
            prop_assert!(reason != "deadline" && reason != "offline", "never had its turn: {:?} {:?}", member, tally);
        }
    }

    #[test]
    fn the_same_course_of_events_ends_the_same(setup in setups(), steps in prop::collection::vec(step(), 1..60)) {
        let run = || {
            let mut world = World::new(setup.clone());
            steps.iter().for_each(|step| world.step(step));
            (world.deployment.clone(), world.tally())
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn a_device_that_vanishes_before_it_tries_again_does_not_hold_up_the_next_wave() {
    let policy = Policy { retries: 1, max_failure_percent: 50, ..Policy::default() };
    let mut world = World::new(Setup {
        devices: 12,
        deaf_every: 0,
        gone_every: 0,
        kind: DeploymentKind::Install,
        strategy: Strategy::Rolling { percent: 20 },
        policy,
        standing: true,
    });
    world.step(&Step::Verb(0));
    let failed = (0..100).find_map(|step| {
        world.step(&Step::Poll(step, FAILS));
        world.members.iter().position(|member| member.assignment.failures > 0)
    });
    world.members[failed.unwrap()].gone = true;
    be_fair(&mut world);
    let tally = world.tally();
    assert_eq!((tally.silent, tally.completed), (1, 11), "{tally:?}");
}

/// A device's luck, when its job ends badly.
const FAILS: u8 = 5;

/// Everybody does what they should until nothing is left to be done; five minutes a round, for a week at most.
fn be_fair(world: &mut World) {
    for index in 0..world.members.len() {
        let leaves = world.setup.gone_every > 0 && index.is_multiple_of(world.setup.gone_every);
        world.members[index].gone |= leaves;
        if world.members[index].reachable == world.members[index].gone {
            world.step(&Step::Toggle(index));
        }
    }
    for _ in 0..2_000 {
        for index in 0..world.members.len() {
            for _ in 0..6 {
                world.step(&Step::Poll(index, 0));
            }
        }
        match world.deployment.status {
            DeploymentStatus::Pending => world.step(&Step::Verb(0)),
            DeploymentStatus::Paused | DeploymentStatus::Halted => world.step(&Step::Verb(5)),
            DeploymentStatus::InProgress => {
                if matches!(world.deployment.strategy, Strategy::Canary { soak_s: None, .. }) {
                    world.step(&Step::Verb(11));
                }
            }
            DeploymentStatus::Completed | DeploymentStatus::Failed | DeploymentStatus::Cancelled => {}
        }
        let open = |status: AssignmentStatus| status.is_in_flight() || status == AssignmentStatus::Pending;
        if !world.members.iter().any(|member| !member.deaf && !member.gone && open(member.assignment.status)) {
            return;
        }
        world.step(&Step::Clock(300));
    }
    panic!("somebody never had a turn: {:?} {:?}", world.deployment, world.tally());
}

fn setups() -> impl proptest::strategy::Strategy<Value = Setup> {
    let strategy = prop_oneof![
        Just(Strategy::Manual),
        Just(Strategy::Immediate),
        (1..=60_u8, prop::option::of(1..5_000_u32)).prop_map(|(percent, soak_s)| Strategy::Canary { percent, soak_s }),
        (1..=60_u8).prop_map(|percent| Strategy::Rolling { percent }),
    ];
    let kind = prop_oneof![3 => Just(DeploymentKind::Install), 1 => Just(DeploymentKind::RollBack)];
    let deaf_every = prop_oneof![3 => Just(0_usize), 1 => 4..9_usize];
    let gone_every = prop_oneof![2 => Just(0_usize), 1 => 3..9_usize];
    (1..24_usize, deaf_every, gone_every, kind, strategy, policies(), prop::bool::weighted(0.2)).prop_map(
        |(devices, deaf_every, gone_every, kind, strategy, policy, standing)| Setup {
            devices,
            deaf_every,
            gone_every,
            kind,
            strategy,
            policy,
            standing,
        },
    )
}

fn policies() -> impl proptest::strategy::Strategy<Value = Policy> {
    let windows = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec!["22:00-10:00".to_owned()])];
    let deadline_s = prop_oneof![3 => Just(Policy::default().deadline_s), 1 => 1_000..20_000_u32];
    (0..=60_u8, 0..=100_u8, 1..8_u32, 1..8_u32, 0..3_u8, windows, deadline_s).prop_map(
        |(max_failure_percent, min_success_percent, min_sample, max_in_flight, retries, windows, deadline_s)| Policy {
            max_failure_percent,
            min_success_percent,
            min_sample,
            max_in_flight,
            retries,
            windows,
            deadline_s,
            ..Policy::default()
        },
    )
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        3 => (-600..3_600_i32).prop_map(Step::Clock),
        20 => (any::<usize>(), any::<u8>()).prop_map(|(index, luck)| Step::Poll(index, luck)),
        2 => any::<usize>().prop_map(Step::Lost),
        2 => any::<usize>().prop_map(Step::Toggle),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(index, version)| Step::Tamper(index, version)),
        3 => any::<u8>().prop_map(Step::Verb),
        1 => Just(Step::Join),
    ]
}
