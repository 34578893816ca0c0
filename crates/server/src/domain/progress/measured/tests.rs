//! Tests of what a measured version does to a part.

use belay_protocol::admin::DeploymentStatus;
use belay_protocol::sync::capability;

use super::*;
use crate::domain::progress::reported;
use crate::domain::testing::{assignment, at, deployment, device, install, report, without};
use AssignmentStatus as Status;

fn standing() -> Deployment {
    Deployment { channel: Some(1), ..deployment() }
}

fn with(version: Option<&str>) -> Device {
    let mut device = device("dev");
    install(&mut device, version);
    device
}

fn moved(status: Status, deployment: &Deployment, device: &Device) -> Option<(Status, Option<String>)> {
    remeasured(&assignment(status), deployment, device, at(50)).map(|next| (next.status, next.reason))
}

fn why(status: Status, reason: &str) -> Option<(Status, Option<String>)> {
    Some((status, Some(reason.to_owned())))
}

#[test]
fn a_device_that_comes_back_on_another_version_was_rolled_back() {
    for version in ["1.0", "1.5", "3.0"] {
        assert_eq!(
            moved(Status::Completed, &deployment(), &with(Some(version))),
            why(Status::RolledBack, "other_version"),
            "{version}"
        );
    }
    assert_eq!(moved(Status::Completed, &deployment(), &with(Some("v2.0"))), None);
    assert_eq!(moved(Status::Completed, &deployment(), &with(None)), None, "drift is reported, not judged");
    let over = Deployment { status: DeploymentStatus::Completed, ..deployment() };
    assert_eq!(moved(Status::Completed, &over, &with(Some("1.0"))), None, "what is over is history");
}

#[test]
fn a_standing_deployment_offers_it_again_where_it_was_lost() {
    let lost = remeasured(&assignment(Status::Completed), &standing(), &with(None), at(50)).unwrap();
    assert_eq!((lost.status, lost.reason.as_deref()), (Status::Pending, Some("lost_version")));
    assert_eq!((lost.attempt, lost.ended_at), (1, None));
    assert_eq!(moved(Status::Completed, &standing(), &with(Some("1.5"))), why(Status::Pending, "lost_version"));
}

#[test]
fn a_standing_deployment_does_not_offer_it_again_where_it_was_rolled_back() {
    let back = remeasured(&assignment(Status::Completed), &standing(), &with(Some("1.0")), at(50)).unwrap();
    assert_eq!((back.status, back.reason.as_deref()), (Status::RolledBack, Some("other_version")));
    assert_eq!(remeasured(&back, &standing(), &with(Some("1.0")), at(60)), None);
    let told = report(belay_protocol::sync::ReportStatus::RolledBack);
    let back = reported(&assignment(Status::Completed), &standing(), &told, at(50)).unwrap();
    assert_eq!(remeasured(&back, &standing(), &with(None), at(60)), None);
}

#[test]
fn a_device_that_had_none_before_and_has_none_now_went_back_unless_it_drifted() {
    let first = Assignment { from_version: None, ..assignment(Status::Completed) };
    let mut device = with(None);
    let next = |device: &Device| remeasured(&first, &standing(), device, at(50)).unwrap().status;
    assert_eq!(next(&device), Status::RolledBack);
    device.profile.installed.drift = vec!["demo-app is 3.0".to_owned()];
    assert_eq!(next(&device), Status::Pending);
}

#[test]
fn a_device_that_has_it_already_is_not_offered_it() {
    assert_eq!(moved(Status::Pending, &deployment(), &with(Some("2.0"))), why(Status::Skipped, "already_installed"));
    assert_eq!(moved(Status::Pending, &deployment(), &with(Some("1.0"))), None);
    let again = Assignment { begun: true, ..assignment(Status::Pending) };
    let done = remeasured(&again, &deployment(), &with(Some("2.0")), at(50)).unwrap();
    assert_eq!(done.status, Status::Completed, "it holds a place, and has it");
    let back = Deployment { kind: DeploymentKind::RollBack, ..deployment() };
    assert_eq!(moved(Status::Pending, &back, &with(Some("1.0"))), None, "it may just be getting what is taken back");
    let again = remeasured(&again, &back, &with(Some("1.0")), at(50)).unwrap();
    assert_eq!(again.status, Status::Completed, "it began to go back, and has");
    assert_eq!(moved(Status::Pending, &back, &with(Some("2.0"))), None);
}

#[test]
fn a_standing_deployment_also_holds_a_device_that_once_had_it_without_help() {
    let skipped = Assignment { reason: Some("already_installed".to_owned()), ..assignment(Status::Skipped) };
    let next = |deployment: &Deployment, version| {
        remeasured(&skipped, deployment, &with(Some(version)), at(50)).map(|next| next.status)
    };
    assert_eq!(next(&standing(), "1.0"), Some(Status::Pending));
    assert_eq!(next(&standing(), "2.0"), None);
    assert_eq!(next(&deployment(), "1.0"), None);
    let cancelled = Assignment { reason: Some("cancelled".to_owned()), ..skipped.clone() };
    assert_eq!(remeasured(&cancelled, &standing(), &with(Some("1.0")), at(50)), None);
}

#[test]
fn a_silent_device_that_has_it_is_done() {
    let done = remeasured(&assignment(Status::Silent), &deployment(), &with(Some("2.0")), at(50)).unwrap();
    assert_eq!((done.status, done.reason, done.ended_at), (Status::Completed, None, Some(at(50))));
    assert_eq!(moved(Status::Silent, &deployment(), &with(Some("1.0"))), None);
}

#[test]
fn what_is_under_way_or_went_wrong_is_told_by_reports_alone() {
    for status in [
        Status::Offered,
        Status::Downloading,
        Status::Installing,
        Status::Verifying,
        Status::Failed,
        Status::RolledBack,
    ] {
        for version in ["1.0", "2.0"] {
            assert_eq!(moved(status, &standing(), &with(Some(version))), None, "{status:?} with {version}");
        }
    }
}

#[test]
fn a_device_that_cannot_measure_is_not_believed() {
    let blind = without(with(Some("1.0")), capability::REPORTS_VERSION);
    assert_eq!(moved(Status::Completed, &deployment(), &blind), None);
    let blind = without(with(Some("2.0")), capability::REPORTS_VERSION);
    assert_eq!(moved(Status::Pending, &deployment(), &blind), None);
}
