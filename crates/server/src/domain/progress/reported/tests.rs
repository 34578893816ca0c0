//! Tests of what a report does to a part.

use belay_protocol::admin::DeploymentStatus;
use belay_protocol::sync::AssignmentRef;

use super::*;
use crate::domain::testing::{assignment, at, deployment, report};
use AssignmentStatus as Status;
use ReportStatus as Says;

fn after(status: Status, says: Says) -> Option<Assignment> {
    reported(&assignment(status), &deployment(), &report(says), at(50))
}

fn retries(retries: u8) -> Deployment {
    let mut deployment = deployment();
    deployment.policy.retries = retries;
    deployment
}

#[test]
fn every_report_moves_every_assignment_as_the_table_says() {
    let says = [
        Says::Downloading,
        Says::Installing,
        Says::Verifying,
        Says::Completed,
        Says::Failed,
        Says::RolledBack,
        Says::Deferred,
        Says::Skipped,
        Says::Unknown,
    ];
    // One column for each report; a dash where it is only kept.
    for (status, row) in [
        (Status::Offered, "downloading installing verifying completed failed rolled_back pending skipped -"),
        (Status::Downloading, "- installing verifying completed failed rolled_back pending skipped -"),
        (Status::Installing, "downloading - verifying completed failed rolled_back pending skipped -"),
        (Status::Verifying, "downloading installing - completed failed rolled_back pending skipped -"),
        (Status::Completed, "- - - - failed rolled_back - - -"),
        (Status::Failed, "- - - completed - rolled_back - - -"),
        (Status::RolledBack, "- - - completed failed - - - -"),
        (Status::Silent, "downloading installing verifying completed failed rolled_back pending skipped -"),
        (Status::Skipped, "downloading installing verifying completed failed rolled_back - - -"),
    ] {
        for (says, expected) in says.into_iter().zip(row.split(' ')) {
            let next = after(status, says);
            assert_eq!(next.map_or("-", |next| next.status.word()), expected, "{status:?} when it says {says:?}");
        }
    }
}

#[test]
fn a_report_on_another_attempt_or_deployment_or_none_is_only_kept() {
    let offered = assignment(Status::Offered);
    let on = |assignment| {
        let report = Report { assignment, ..report(Says::Installing) };
        reported(&offered, &deployment(), &report, at(50))
    };
    assert!(on(Some(AssignmentRef { deployment: "dep".parse().unwrap(), attempt: 1 })).is_some());
    assert_eq!(on(Some(AssignmentRef { deployment: "dep".parse().unwrap(), attempt: 2 })), None);
    assert_eq!(on(Some(AssignmentRef { deployment: "dep".parse().unwrap(), attempt: 0 })), None);
    assert_eq!(on(Some(AssignmentRef { deployment: "other".parse().unwrap(), attempt: 1 })), None);
    assert_eq!(on(None), None);
}

#[test]
fn the_same_report_again_changes_nothing() {
    for says in [Says::Downloading, Says::Completed, Says::Failed, Says::RolledBack, Says::Skipped] {
        let once = after(Status::Offered, says).unwrap();
        assert_eq!(reported(&once, &retries(3), &report(says), at(60)), None, "{says:?}");
    }
}

#[test]
fn the_first_report_begins_and_the_last_ends() {
    let began = after(Status::Offered, Says::Downloading).unwrap();
    assert_eq!((began.begun, began.started_at, began.ended_at), (true, Some(at(50)), None));
    let on = reported(&began, &deployment(), &report(Says::Installing), at(60)).unwrap();
    assert_eq!(on.started_at, Some(at(50)));
    let done = reported(&on, &deployment(), &report(Says::Completed), at(70)).unwrap();
    assert_eq!((done.started_at, done.ended_at), (Some(at(50)), Some(at(70))));
    let at_once = after(Status::Offered, Says::Failed).unwrap();
    assert!(at_once.begun, "a refusal takes its place in the wave too");
}

#[test]
fn an_end_keeps_what_the_device_said() {
    let says = Report {
        reason: Some("unhealthy".to_owned()),
        message: "the camera is gone".to_owned(),
        ..report(Says::RolledBack)
    };
    let end = reported(&assignment(Status::Verifying), &deployment(), &says, at(50)).unwrap();
    assert_eq!((end.reason.as_deref(), end.message.as_str()), (Some("unhealthy"), "the camera is gone"));
}

#[test]
fn a_failure_is_tried_again_as_often_as_the_policy_says_and_ever_later() {
    let deployment = retries(2);
    let mut current = assignment(Status::Installing);
    for (failures, wait) in [(1, 60), (2, 120)] {
        let says = Report { reason: Some("no_space".to_owned()), ..report(Says::Failed) };
        current = reported(&current, &deployment, &says, at(50)).unwrap();
        assert_eq!((current.status, current.failures, current.begun), (Status::Pending, failures, true));
        assert_eq!(current.not_before, Some(at(50 + wait)));
        assert_eq!(current.reason.as_deref(), Some("no_space"));
        assert_eq!(reported(&current, &deployment, &says, at(51)), None, "a failure counts once");
        current.status = Status::Installing;
    }
    let end = reported(&current, &deployment, &report(Says::Failed), at(50)).unwrap();
    assert_eq!((end.status, end.failures), (Status::Failed, 3));
    let many = Assignment { failures: 9, ..assignment(Status::Installing) };
    let late = reported(&many, &retries(10), &report(Says::Failed), at(0)).unwrap();
    assert_eq!(late.not_before, Some(at(3_600)), "never later than an hour");
}

#[test]
fn nothing_is_tried_again_in_a_deployment_that_is_over() {
    for status in [DeploymentStatus::Completed, DeploymentStatus::Failed, DeploymentStatus::Cancelled] {
        let over = Deployment { status, ..retries(5) };
        let failed = reported(&assignment(Status::Installing), &over, &report(Says::Failed), at(50)).unwrap();
        assert_eq!(failed.status, Status::Failed, "{status:?}");
        let deferred = reported(&assignment(Status::Offered), &over, &report(Says::Deferred), at(50)).unwrap();
        assert_eq!(deferred.status, Status::Skipped, "{status:?}");
        assert_eq!(reported(&assignment(Status::Silent), &over, &report(Says::Deferred), at(50)), None);
    }
}

#[test]
fn a_device_with_another_release_has_nothing_to_take_back_and_did_not_fail() {
    let says = Report { reason: Some("other_release".to_owned()), ..report(Says::Failed) };
    let back = Deployment { kind: DeploymentKind::RollBack, ..retries(3) };
    let left = reported(&assignment(Status::Offered), &back, &says, at(50)).unwrap();
    assert_eq!((left.status, left.reason.as_deref()), (Status::Skipped, Some("other_release")));
    let install = reported(&assignment(Status::Offered), &retries(0), &says, at(50)).unwrap();
    assert_eq!(install.status, Status::Failed);
    assert_eq!(reported(&assignment(Status::Completed), &back, &says, at(50)).unwrap().status, Status::Failed);
}

#[test]
fn a_device_that_went_back_is_not_offered_it_again() {
    let back = reported(&assignment(Status::Verifying), &retries(5), &report(Says::RolledBack), at(50)).unwrap();
    assert_eq!(back.status, Status::RolledBack);
}

#[test]
fn a_deferred_device_is_offered_it_a_minute_later_and_keeps_no_place() {
    let deferred = after(Status::Offered, Says::Deferred).unwrap();
    assert_eq!((deferred.begun, deferred.not_before), (false, Some(at(110))));
    let midway = after(Status::Downloading, Says::Deferred).unwrap();
    assert!(midway.begun, "it keeps the place that it took");
}

#[test]
fn a_device_that_puts_it_off_again_and_again_is_asked_ever_more_rarely() {
    let waits = |attempt, failures, reason: &str| {
        let offered = Assignment { attempt, failures, ..assignment(Status::Offered) };
        let says = Report {
            assignment: Some(AssignmentRef { deployment: offered.deployment.clone(), attempt }),
            reason: Some(reason.to_owned()),
            ..report(Says::Deferred)
        };
        reported(&offered, &deployment(), &says, at(0)).unwrap().not_before
    };
    for (attempt, wait) in [(1, 60), (2, 120), (3, 240), (6, 1_920), (7, 3_600), (4_000_000_000, 3_600)] {
        assert_eq!(waits(attempt, 0, "window"), Some(at(wait)), "attempt {attempt}");
    }
    assert_eq!(waits(3, 2, "window"), Some(at(60)), "attempts that failed were not put off");
    for soon in ["busy", "lock_timeout"] {
        assert_eq!(waits(7, 0, soon), Some(at(60)), "{soon}");
    }
}

#[test]
fn a_silent_device_that_works_after_all_has_its_time_anew() {
    let works = after(Status::Silent, Says::Installing).unwrap();
    assert_eq!((works.started_at, works.ended_at), (Some(at(50)), None));
}

#[test]
fn a_withdrawn_device_that_begins_all_the_same_is_at_work() {
    let withdrawn = Assignment { cancel: true, attempt: 1, ..assignment(Status::Pending) };
    let works = reported(&withdrawn, &deployment(), &report(Says::Downloading), at(50)).unwrap();
    assert_eq!((works.status, works.begun, works.cancel), (Status::Downloading, true, false));
    let dropped = reported(&withdrawn, &deployment(), &report(Says::Skipped), at(50)).unwrap();
    assert_eq!((dropped.status, dropped.cancel), (Status::Pending, false), "it may be offered it again");
}

#[test]
fn a_cancelled_device_goes_on_being_asked_until_it_answers() {
    let asked = Assignment { cancel: true, ..assignment(Status::Downloading) };
    let works = reported(&asked, &deployment(), &report(Says::Installing), at(50)).unwrap();
    assert!(works.cancel);
    let dropped = reported(&asked, &deployment(), &report(Says::Skipped), at(50)).unwrap();
    assert_eq!((dropped.status, dropped.cancel), (Status::Skipped, false));
    assert_eq!(dropped.reason.as_deref(), Some("cancelled"));
    let done = reported(&asked, &deployment(), &report(Says::Completed), at(50)).unwrap();
    assert_eq!((done.status, done.cancel), (Status::Completed, false), "it was too late to drop it");
}
