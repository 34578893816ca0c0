//! Tests of how devices stand towards a release.

use super::*;
use crate::domain::testing::{assignment, device, install, without};
use belay_protocol::sync::capability;

fn version(text: &str) -> ReleaseVersion {
    text.parse().unwrap()
}

#[test]
fn what_is_measured_wins_over_what_was_told() {
    use AssignmentStatus as Status;
    let two = version("2.0");
    for (installed, told, expected) in [
        ("v2.0", None, FleetState::UpToDate),
        ("1.0", None, FleetState::Outdated),
        ("2.0", Some(Status::Failed), FleetState::UpToDate),
        ("2.0", Some(Status::Silent), FleetState::UpToDate),
        ("1.0", Some(Status::Completed), FleetState::Outdated),
        ("1.0", Some(Status::Pending), FleetState::Outdated),
        ("1.0", Some(Status::Offered), FleetState::Outdated),
        ("1.0", Some(Status::Skipped), FleetState::Outdated),
        ("1.0", Some(Status::Downloading), FleetState::InProgress),
        ("1.0", Some(Status::Installing), FleetState::InProgress),
        ("2.0", Some(Status::Verifying), FleetState::InProgress),
        ("1.0", Some(Status::Failed), FleetState::Failed),
        ("1.0", Some(Status::RolledBack), FleetState::Failed),
        ("1.0", Some(Status::Silent), FleetState::Unknown),
    ] {
        let mut device = device("dev");
        install(&mut device, Some(installed));
        let newest = told.map(assignment);
        assert_eq!(state(&device, Some(&two), newest.as_ref()), expected, "{installed} told {told:?}");
    }
}

#[test]
fn a_device_that_never_measured_or_has_no_target_is_unknown() {
    let mut fresh = device("dev");
    fresh.profile_tag.clear();
    assert_eq!(state(&fresh, Some(&version("1.0")), None), FleetState::Unknown);
    assert_eq!(state(&device("dev"), None, None), FleetState::Unknown);
}

#[test]
fn a_device_without_a_release_in_force_is_outdated() {
    let mut device = device("dev");
    install(&mut device, None);
    assert_eq!(state(&device, Some(&version("1.0")), None), FleetState::Outdated);
}

#[test]
fn a_device_that_needs_a_person_has_failed() {
    let mut device = device("dev");
    device.profile.installed.needs_attention = true;
    assert_eq!(state(&device, Some(&version("1.0")), None), FleetState::Failed);
}

#[test]
fn of_a_device_that_cannot_measure_only_reports_are_known() {
    use AssignmentStatus as Status;
    let mut device = without(device("dev"), capability::REPORTS_VERSION);
    install(&mut device, Some("2.0"));
    for (told, expected) in [
        (None, FleetState::Unknown),
        (Some(Status::Pending), FleetState::Unknown),
        (Some(Status::Offered), FleetState::Unknown),
        (Some(Status::Skipped), FleetState::Unknown),
        (Some(Status::Silent), FleetState::Unknown),
        (Some(Status::Installing), FleetState::InProgress),
        (Some(Status::Completed), FleetState::UpToDate),
        (Some(Status::Failed), FleetState::Failed),
        (Some(Status::RolledBack), FleetState::Failed),
    ] {
        let newest = told.map(assignment);
        assert_eq!(state(&device, Some(&version("2.0")), newest.as_ref()), expected, "told {told:?}");
    }
}

#[test]
fn a_census_counts_the_authorised_by_state_and_ring() {
    let mut census = Census::default();
    let beta = Device { distribution: "beta".parse().unwrap(), ..device("b") };
    let waiting = Device { state: DeviceState::Pending, ..device("w") };
    let gone = Device { state: DeviceState::Revoked, ..device("g") };
    let two = version("2.0");
    census.count(&device("a"), FleetState::UpToDate, Some(&two));
    census.count(&device("b"), FleetState::Outdated, Some(&two));
    census.count(&device("c"), FleetState::InProgress, Some(&two));
    census.count(&device("d"), FleetState::UpToDate, Some(&two));
    census.count(&beta, FleetState::Failed, None);
    census.count(&beta, FleetState::Unknown, None);
    census.count(&waiting, FleetState::UpToDate, None);
    census.count(&gone, FleetState::UpToDate, None);
    let summary = census.summary();
    let counted = [summary.total, summary.up_to_date, summary.outdated, summary.in_progress, summary.failed];
    assert_eq!(counted, [6, 2, 1, 1, 1]);
    assert_eq!((summary.unknown, summary.pending), (1, 1));
    let rings: Vec<_> = summary
        .compliance
        .iter()
        .map(|ring| {
            (ring.distribution.as_str(), ring.target_version.clone(), ring.total, ring.up_to_date, ring.percent)
        })
        .collect();
    assert_eq!(rings, [("alpha", Some(two), 4, 2, 50.0), ("beta", None, 2, 0, 0.0)]);
}
