//! Tests of the gate that stops a rollout.

use super::*;
use crate::domain::Forgiven;
use crate::domain::testing::deployment;

fn gate(allowed: Option<u64>, forgiven: (u64, u64), tally: Tally) -> Gate {
    let mut deployment = deployment();
    deployment.allowed = allowed;
    deployment.forgiven = Forgiven { finished: forgiven.0, failures: forgiven.1 };
    Gate::of(&deployment, &tally)
}

fn ended(completed: u64, failed: u64) -> Tally {
    Tally { completed, failed, ..Tally::default() }
}

#[test]
fn it_trips_above_the_limit_and_only_on_a_sample() {
    for (completed, failed, tripped) in [
        (4, 1, true),
        (19, 1, false),
        (38, 2, false),
        (37, 3, true),
        (3, 1, false),
        (0, 4, false),
        (0, 5, true),
        (100, 0, false),
    ] {
        assert_eq!(gate(None, (0, 0), ended(completed, failed)).tripped, tripped, "{failed} beside {completed}");
    }
}

#[test]
fn every_bad_end_counts_and_nothing_else_does() {
    for tally in [
        Tally { failed: 1, ..ended(4, 0) },
        Tally { rolled_back: 1, ..ended(4, 0) },
        Tally { silent: 1, ..ended(4, 0) },
    ] {
        assert!(gate(None, (0, 0), tally).tripped, "{tally:?}");
    }
    for tally in [
        Tally { skipped: 9, ..ended(5, 0) },
        Tally { retrying: 9, ..ended(5, 0) },
        Tally { skipped: 9, failed: 1, ..ended(3, 0) },
        Tally { installing: 9, failed: 1, ..ended(3, 0) },
    ] {
        assert!(!gate(None, (0, 0), tally).tripped, "{tally:?}");
    }
}

#[test]
fn a_finished_wave_is_judged_however_small() {
    assert!(gate(Some(1), (0, 0), ended(0, 1)).tripped);
    assert!(!gate(Some(1), (0, 0), ended(1, 0)).tripped);
    for unfinished in [
        Tally { retrying: 1, ..ended(0, 1) },
        Tally { offered: 1, ..ended(0, 1) },
        Tally { verifying: 1, ..ended(0, 1) },
        Tally { waiting: 1, ..ended(0, 1) },
    ] {
        let gate = gate(Some(2), (0, 0), unfinished);
        assert!(!gate.wave_finished && !gate.tripped, "{unfinished:?}");
    }
}

#[test]
fn what_was_forgiven_does_not_count_again() {
    assert!(!gate(None, (20, 3), ended(17, 3)).tripped);
    assert!(!gate(None, (20, 3), ended(20, 4)).tripped, "one of four is no sample");
    let tripped = gate(None, (20, 3), ended(20, 5));
    assert_eq!((tripped.sample, tripped.failures, tripped.tripped), (5, 2, true));
}

#[test]
fn a_forgiven_success_that_is_undone_is_a_sample_of_its_own() {
    let gate = gate(Some(20), (20, 3), Tally { rolled_back: 1, ..ended(16, 3) });
    assert_eq!((gate.sample, gate.failures, gate.tripped), (1, 1, true));
}

#[test]
fn it_says_what_it_saw() {
    let gate = gate(None, (0, 0), ended(17, 3));
    assert_eq!(gate.sentence(&deployment()), "halted: 3 of 20 failed, limit 5 %");
}
