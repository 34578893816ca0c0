//! Tests of what is counted of a deployment.

use super::*;
use crate::domain::testing::at;

#[test]
fn every_device_is_counted_once_and_in_its_own_bucket() {
    let mut tally = Tally::default();
    for status in AssignmentStatus::ALL {
        tally.count(*status, false, None, None, at(0));
    }
    tally.count(AssignmentStatus::Pending, false, None, Some(at(1)), at(0));
    tally.count(AssignmentStatus::Pending, true, None, Some(at(1)), at(0));
    tally.count(AssignmentStatus::Skipped, false, Some("offline"), None, at(0));
    let once = Tally {
        waiting: 1,
        deferred: 1,
        retrying: 1,
        offered: 1,
        downloading: 1,
        installing: 1,
        verifying: 1,
        completed: 1,
        failed: 1,
        rolled_back: 1,
        silent: 1,
        unreached: 1,
        skipped: 1,
    };
    assert_eq!(tally, once);
    assert_eq!(once.to_json().as_object().unwrap().values().filter(|count| **count == 1).count(), 13);
    let sums = [
        (once.total(), 13),
        (once.targets(), 11),
        (once.pending(), 3),
        (once.in_flight(), 4),
        (once.begun(), 9),
        (once.finished(), 4),
        (once.failures(), 3),
    ];
    for (number, (sum, expected)) in sums.into_iter().enumerate() {
        assert_eq!(sum, expected, "sum {number}");
    }
}

#[test]
fn a_device_is_deferred_until_its_instant_and_waits_from_then_on() {
    for (now, deferred) in [(at(9), 1), (at(10), 0)] {
        let mut tally = Tally::default();
        tally.count(AssignmentStatus::Pending, false, None, Some(at(10)), now);
        assert_eq!((tally.deferred, tally.waiting), (deferred, 1 - deferred));
    }
}
