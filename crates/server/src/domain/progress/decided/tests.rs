//! Tests of what a decision does to a part.

use super::*;
use crate::domain::testing::{assignment, at, deployment, device, install};

#[test]
fn an_offer_is_a_new_attempt_and_remembers_what_was_there_first() {
    let mut pending = assignment(AssignmentStatus::Pending);
    pending.from_version = None;
    pending.cancel = true;
    pending.reason = Some("busy".to_owned());
    pending.not_before = Some(at(5));
    let mut device = device("dev");
    let first = offered(&pending, &device, at(6));
    assert_eq!((first.status, first.attempt, first.cancel), (AssignmentStatus::Offered, 1, false));
    assert_eq!((first.offered_at, first.started_at, first.not_before), (Some(at(6)), None, None));
    assert_eq!((first.begun, first.reason.clone()), (false, None));
    install(&mut device, Some("1.5"));
    let second = offered(&first, &device, at(7));
    assert_eq!(second.attempt, 2);
    assert_eq!(second.from_version.unwrap().as_str(), "1.0");
}

#[test]
fn an_offer_taken_back_waits_longer_each_time_and_never_counts_as_failure() {
    let mut taken = assignment(AssignmentStatus::Offered);
    for (attempt, wait) in [(1, 900), (2, 1_800), (1_000, 86_400)] {
        taken.attempt = attempt;
        let back = withdrawn(&taken, &deployment(), at(0));
        assert_eq!((back.status, back.cancel, back.failures), (AssignmentStatus::Pending, true, 0));
        assert_eq!(back.not_before, Some(at(wait)), "attempt {attempt}");
        assert_eq!(back.reason.as_deref(), Some("not_picked_up"));
    }
}

#[test]
fn an_offer_taken_back_because_of_a_halt_may_be_made_again_at_once() {
    for status in [DeploymentStatus::Paused, DeploymentStatus::Halted] {
        let stopped = Deployment { status, ..deployment() };
        let back = withdrawn(&assignment(AssignmentStatus::Offered), &stopped, at(0));
        assert_eq!((back.status, back.not_before), (AssignmentStatus::Pending, None));
    }
}

#[test]
fn an_offer_of_a_deployment_that_is_over_is_skipped() {
    let over = Deployment { status: DeploymentStatus::Cancelled, ..deployment() };
    let back = withdrawn(&assignment(AssignmentStatus::Offered), &over, at(9));
    assert_eq!((back.status, back.reason.as_deref()), (AssignmentStatus::Skipped, Some("cancelled")));
    assert_eq!((back.cancel, back.ended_at), (true, Some(at(9))));
}

#[test]
fn a_device_that_is_not_heard_of_is_silent() {
    let silent = timed_out(&assignment(AssignmentStatus::Installing), at(9));
    assert_eq!((silent.status, silent.begun, silent.ended_at), (AssignmentStatus::Silent, true, Some(at(9))));
    assert_eq!(silent.reason.as_deref(), Some("silent"));
}

#[test]
fn only_what_is_pending_is_given_up() {
    let waiting = assignment(AssignmentStatus::Pending);
    let again = Assignment { begun: true, reason: Some("no_space".to_owned()), ..waiting.clone() };
    let given = |assignment: &Assignment, reachable| {
        let end = given_up(assignment, reachable, at(9)).unwrap();
        assert_eq!(end.ended_at, Some(at(9)));
        (end.status, end.reason.unwrap())
    };
    assert_eq!(given(&waiting, true), (AssignmentStatus::Skipped, "deadline".to_owned()));
    assert_eq!(given(&waiting, false), (AssignmentStatus::Skipped, "offline".to_owned()));
    assert_eq!(given(&again, false), (AssignmentStatus::Failed, "no_space".to_owned()));
    for status in AssignmentStatus::ALL.iter().filter(|status| **status != AssignmentStatus::Pending) {
        assert_eq!(given_up(&assignment(*status), true, at(9)), None, "{status:?}");
    }
}

#[test]
fn a_cancelled_deployment_leaves_out_who_waits_and_asks_who_works() {
    for status in AssignmentStatus::ALL {
        let before = assignment(*status);
        let after = cancelled(&before, at(9));
        if *status == AssignmentStatus::Pending {
            let after = after.unwrap();
            assert_eq!((after.status, after.reason.as_deref()), (AssignmentStatus::Skipped, Some("cancelled")));
        } else if status.is_in_flight() {
            let after = after.unwrap();
            assert_eq!((after.status, after.cancel), (*status, true));
            assert_eq!(cancelled(&after, at(9)), None, "it is asked once");
        } else {
            assert_eq!(after, None, "{status:?} has ended");
        }
    }
    let failed_once = Assignment { failures: 1, begun: true, ..assignment(AssignmentStatus::Pending) };
    assert_eq!(cancelled(&failed_once, at(9)).unwrap().status, AssignmentStatus::Failed);
}

#[test]
fn what_went_wrong_can_be_tried_again_and_nothing_else() {
    let wrong = [AssignmentStatus::Failed, AssignmentStatus::RolledBack, AssignmentStatus::Silent];
    for status in AssignmentStatus::ALL {
        let before = Assignment { failures: 3, ..assignment(*status) };
        let after = retried(&before);
        assert_eq!(after.is_some(), wrong.contains(status), "{status:?}");
        if let Some(after) = after {
            assert_eq!((after.status, after.begun, after.failures), (AssignmentStatus::Pending, true, 0));
            assert_eq!((after.ended_at, after.attempt), (None, 1));
        }
    }
}
