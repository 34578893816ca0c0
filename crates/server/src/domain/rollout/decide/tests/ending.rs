//! When a deployment ends.

use super::*;

#[test]
fn it_ends_well_when_enough_have_it() {
    for (completed, failed, status, reason) in [
        (90, 10, DeploymentStatus::Completed, "completed: 90 of 100 done, at least 90 % asked for"),
        (89, 11, DeploymentStatus::Failed, "failed: 89 of 100 done, at least 90 % asked for"),
        (0, 1, DeploymentStatus::Failed, "failed: 0 of 1 done, at least 90 % asked for"),
        (0, 0, DeploymentStatus::Completed, "completed: every device was left out"),
    ] {
        let mut world = World::new(Strategy::Immediate, Tally { skipped: 4, ..ended(completed, failed, 0) });
        let end = world.only();
        assert_eq!((end.act, end.reason.as_str()), (Act::Finish { status }, reason));
        world.apply();
        assert_eq!((world.deployment.status, world.deployment.ended_at), (status, Some(at(100))));
        assert!(world.words().is_empty(), "it ends once");
    }
}

#[test]
fn devices_that_were_never_reached_are_no_success() {
    for (completed, unreached, limit, status, reason) in [
        (
            1,
            999,
            90,
            DeploymentStatus::Failed,
            "failed: 1 of 1 done; 999 were never reached; at least 90 % of all asked for",
        ),
        (
            9,
            1,
            90,
            DeploymentStatus::Completed,
            "completed: 9 of 9 done; 1 were never reached; at least 90 % of all asked for",
        ),
        (0, 5, 0, DeploymentStatus::Failed, "failed: 0 of 0 done; 5 were never reached; at least 0 % of all asked for"),
    ] {
        let world = World::new(Strategy::Immediate, Tally { unreached, skipped: 4, ..ended(completed, 0, 0) })
            .policy(|policy| policy.min_success_percent = limit);
        let end = world.only();
        assert_eq!((end.act, end.reason.as_str()), (Act::Finish { status }, reason));
    }
}

#[test]
fn it_does_not_end_while_anything_is_left() {
    let base = ended(100, 0, 0);
    for left in [
        Tally { waiting: 1, ..base },
        Tally { deferred: 1, ..base },
        Tally { retrying: 1, ..base },
        Tally { offered: 1, ..base },
        Tally { downloading: 1, ..base },
        Tally { installing: 1, ..base },
        Tally { verifying: 1, ..base },
    ] {
        assert!(World::new(Strategy::Immediate, left).words().is_empty(), "{left:?}");
    }
}

#[test]
fn one_device_is_given_up_as_one() {
    let world = World::new(Strategy::Immediate, waiting(1)).policy(|policy| policy.deadline_s = 1_000);
    let given_up = world.at(1_000).candidates(&["a"]).only();
    assert_eq!(given_up.reason, "gave up 1 device: the deadline of 1000 s has passed");
}

#[test]
fn at_the_deadline_what_never_ended_is_given_up() {
    for left in [waiting(7), Tally { deferred: 7, ..waiting(0) }, Tally { retrying: 7, ..waiting(0) }] {
        let world = || World::new(Strategy::Immediate, left).policy(|policy| policy.deadline_s = 1_000);
        assert!(world().at(999).words().is_empty());
        let given_up = world().at(1_000).candidates(&["a"]).only();
        assert_eq!(given_up.act, Act::GiveUp);
        assert_eq!(given_up.reason, "gave up 7 devices: the deadline of 1000 s has passed");
    }
}

#[test]
fn past_the_deadline_devices_at_work_are_waited_for() {
    let at_work = Tally { installing: 1, ..Tally::default() };
    assert!(World::new(Strategy::Immediate, at_work).at(99_999_999).words().is_empty());
}

#[test]
fn a_standing_deployment_neither_ends_nor_gives_up() {
    let standing = |tally| {
        let mut world = World::new(Strategy::Immediate, tally).at(99_999_999);
        world.deployment.channel = Some(1);
        world
    };
    assert!(standing(ended(100, 0, 0)).words().is_empty());
    assert!(standing(Tally { deferred: 5, ..waiting(0) }).words().is_empty());
    assert_eq!(standing(ended(0, 5, 0)).words(), ["halt"], "but it halts");
    assert_eq!(standing(waiting(1)).candidates(&["late"]).offered(), ["late"]);
}

#[test]
fn devices_that_vanish_are_silent_one_by_one_and_then_the_gate_says_so() {
    let mut world = World::new(Strategy::Immediate, Tally { installing: 5, ..waiting(9) });
    for _ in 0..5 {
        world = world.working(AssignmentStatus::Installing, at(-9_999));
    }
    assert_eq!(world.words(), ["time_out"; 5]);
    let after = World::new(Strategy::Immediate, Tally { silent: 5, ..waiting(9) });
    assert_eq!(after.only().reason, "halted: 5 of 5 failed, limit 5 %");
}

#[test]
fn the_same_situation_gives_the_same_decisions_with_their_inputs() {
    let world = World::new(ROLLING, ended(5, 0, 20)).allowed(5);
    let decisions = world.decide();
    assert_eq!(decisions, world.decide());
    assert_eq!(decisions[0].inputs["tally"]["completed"], 5);
    assert_eq!(decisions[0].inputs["allowed"], 5);
}
