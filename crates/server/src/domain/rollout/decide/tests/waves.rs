//! When waves open, and when the gate keeps them closed.

use super::*;

#[test]
fn a_tripped_gate_halts_and_offers_nothing() {
    let mut world = World::new(Strategy::Immediate, ended(17, 3, 80)).candidates(&["a"]);
    let halted = world.only();
    assert_eq!((halted.act.word(), halted.reason.as_str()), ("halt", "halted: 3 of 20 failed, limit 5 %"));
    assert_eq!(halted.inputs["failures"], 3);
    assert_eq!(halted.inputs["sample"], 20);
    assert_eq!(halted.inputs["max_failure_percent"], 5);
    world.apply();
    assert!(world.words().is_empty(), "it halts once");
}

#[test]
fn a_single_canary_that_fails_halts() {
    let world = World::new(CANARY, ended(0, 1, 9)).allowed(1).candidates(&["a"]);
    assert_eq!(world.only().reason, "halted: 1 of 1 failed, limit 5 %");
}

#[test]
fn a_good_canary_without_soak_waits_for_an_operator() {
    assert!(World::new(CANARY, ended(1, 0, 9)).allowed(1).candidates(&["a"]).words().is_empty());
}

#[test]
fn a_good_canary_soaks_and_then_expands_to_all() {
    let mut world = World::new(SOAKED, ended(1, 0, 9)).allowed(1).candidates(&["a"]);
    let soak = world.only();
    assert_eq!(soak.act, Act::Soak { until: at(700) });
    let expected = format!("1 canary has finished; it expands at {} if all stays well", at(700));
    assert_eq!(soak.reason, expected);
    world.apply();
    assert!(world.words().is_empty(), "it soaks once");
    world.now = at(699);
    assert!(world.words().is_empty());
    world.now = at(700);
    assert_eq!(world.only().reason, "expanded to all 10 devices: the canaries stayed well for 600 s");
    world.apply();
    assert_eq!((world.deployment.allowed, world.deployment.soak_until), (None, None));
    assert_eq!(world.offered(), ["a"]);
}

#[test]
fn a_canary_that_goes_bad_while_it_soaks_halts() {
    let mut world = World::new(SOAKED, ended(1, 0, 9)).allowed(1).at(0);
    world.apply();
    world.tally = Tally { rolled_back: 1, ..waiting(9) };
    assert_eq!(world.words(), ["halt"]);
}

#[test]
fn a_canary_is_not_done_while_one_is_tried_again() {
    for unfinished in
        [Tally { retrying: 1, ..ended(1, 0, 8) }, Tally { verifying: 1, ..ended(1, 0, 8) }, ended(1, 0, 9)]
    {
        assert!(World::new(SOAKED, unfinished).allowed(2).words().is_empty(), "{unfinished:?}");
    }
}

#[test]
fn several_canaries_soak_as_several() {
    let soak = World::new(SOAKED, ended(2, 0, 18)).allowed(2).candidates(&["a"]).only();
    assert_eq!(soak.reason, format!("2 canaries have finished; it expands at {} if all stays well", at(700)));
}

#[test]
fn a_batch_of_one_has_finished_as_one() {
    let next = World::new(ROLLING, ended(1, 0, 4)).allowed(1).candidates(&["a"]).only();
    assert_eq!(next.reason, "next batch: 1 has finished, 5 of 5 devices may begin");
}

#[test]
fn the_next_batch_begins_when_the_last_has_finished() {
    let at_work = Tally { verifying: 1, ..ended(4, 0, 20) };
    assert!(World::new(ROLLING, at_work).allowed(5).candidates(&["a"]).words().is_empty());
    let mut world = World::new(ROLLING, ended(5, 0, 20)).allowed(5).candidates(&["a"]);
    let next = world.only();
    assert_eq!(next.act, Act::Widen { allowed: Some(10) });
    assert_eq!(next.reason, "next batch: 5 have finished, 10 of 25 devices may begin");
    world.apply();
    assert_eq!(world.offered(), ["a"]);
}

#[test]
fn a_bad_batch_halts_before_the_next() {
    assert_eq!(World::new(ROLLING, ended(4, 1, 20)).allowed(5).words(), ["halt"]);
}

#[test]
fn late_joiners_wait_for_the_waves_like_others() {
    let mut world = World::new(CANARY, ended(1, 0, 9)).allowed(1).candidates(&["late"]);
    world.tally.waiting += 90;
    assert!(world.words().is_empty(), "the open wave stays as it was");
    let mut world = World::new(ROLLING, ended(5, 0, 20)).allowed(5);
    world.tally.waiting += 75;
    assert_eq!(world.only().act, Act::Widen { allowed: Some(25) }, "the next batch is a fifth of all there are now");
}

#[test]
fn what_was_forgiven_does_not_halt_again() {
    let mut world = World::new(Strategy::Immediate, ended(17, 3, 80)).candidates(&["a"]);
    world.deployment.forgiven = crate::domain::Forgiven { finished: 20, failures: 3 };
    assert_eq!(world.offered(), ["a"]);
}

#[test]
fn after_a_time_out_the_tally_is_looked_at_anew_before_anything_is_offered() {
    let tally = Tally { installing: 1, ..ended(0, 4, 9) };
    let world =
        World::new(Strategy::Immediate, tally).working(AssignmentStatus::Installing, at(-9_999)).candidates(&["a"]);
    assert_eq!(world.words(), ["time_out"], "the fifth failure trips the gate");
}
