//! Devices, deployments and reports for tests: complete and ordinary, so that a test names only what it is about.

use std::collections::BTreeSet;

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, DeviceState, FilterText, Policy, ReleaseName, Strategy};
use belay_protocol::sync::{AssignmentRef, Facts, Profile, Report, ReportStatus, capability};
use belay_protocol::{Closure, DeploymentId};
use jiff::Timestamp;

use super::{Assignment, AssignmentStatus, Deployment, Device, Forgiven, Frozen, OutboxMark};

/// An instant so many seconds into the tests' time: Thursday, 2026-01-01, 00:00 UTC and later.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

/// An authorised device that can do everything, and has 1.0.
pub(crate) fn device(name: &str) -> Device {
    let words = [
        capability::PACKAGES,
        capability::STAGED,
        capability::REPORTS_VERSION,
        capability::CAN_ROLL_BACK,
        capability::CLOSURE,
    ];
    let capabilities: BTreeSet<_> = words.into_iter().map(str::to_owned).collect();
    let mut device = Device {
        id: name.parse().unwrap(),
        state: DeviceState::Authorized,
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        tags: BTreeSet::new(),
        enrolment: String::new(),
        identity: String::new(),
        profile_tag: "tag".to_owned(),
        profile: Profile { facts: Facts { capabilities, ..Facts::default() }, ..Profile::default() },
        outbox: OutboxMark::default(),
        last_seen: Some(at(0)),
        enrolled_at: at(0),
        problem: None,
    };
    install(&mut device, Some("1.0"));
    device
}

/// Has a device measure another version.
pub(crate) fn install(device: &mut Device, version: Option<&str>) {
    device.profile.installed.release = version.map(|version| version.parse().unwrap());
}

/// Gives a device a capability.
pub(crate) fn with(mut device: Device, word: &str) -> Device {
    assert!(device.profile.facts.capabilities.insert(word.to_owned()), "{word} was not there");
    device
}

/// Takes a capability from a device.
pub(crate) fn without(mut device: Device, word: &str) -> Device {
    assert!(device.profile.facts.capabilities.remove(word), "{word} was there");
    device
}

/// A deployment of 2.0 that is in progress, goes to all and knows its versions.
pub(crate) fn deployment() -> Deployment {
    Deployment {
        id: "dep".parse().unwrap(),
        name: "two".to_owned(),
        kind: DeploymentKind::Install,
        release: Some(ReleaseName {
            device_type: "raspberry_pi".parse().unwrap(),
            distribution: "alpha".parse().unwrap(),
            version: "2.0".parse().unwrap(),
        }),
        channel: None,
        filter: FilterText::default(),
        strategy: Strategy::Immediate,
        policy: Policy::default(),
        status: DeploymentStatus::InProgress,
        reason: "started".to_owned(),
        allowed: None,
        soak_until: None,
        forgiven: Forgiven::default(),
        frozen: Some(Frozen { closure: Closure::default(), by: "first".parse().unwrap() }),
        revision: 1,
        created_at: at(0),
        created_by: "tests".to_owned(),
        started_at: Some(at(0)),
        ended_at: None,
    }
}

/// A device's part in it, at its first attempt where it was offered.
pub(crate) fn assignment(status: AssignmentStatus) -> Assignment {
    let pending = status == AssignmentStatus::Pending;
    let begun = !matches!(status, AssignmentStatus::Pending | AssignmentStatus::Offered | AssignmentStatus::Skipped);
    let ended = begun && !status.is_in_flight();
    Assignment {
        deployment: deployment_id(),
        device: "dev".parse().unwrap(),
        rank: 0,
        status,
        attempt: u32::from(!pending),
        failures: 0,
        begun,
        cancel: false,
        reason: None,
        message: String::new(),
        not_before: None,
        from_version: Some("1.0".parse().unwrap()),
        offered_at: (!pending).then(|| at(0)),
        started_at: begun.then(|| at(10)),
        ended_at: ended.then(|| at(20)),
    }
}

/// A report on its first attempt.
pub(crate) fn report(status: ReportStatus) -> Report {
    Report {
        seq: 1,
        at: at(0),
        assignment: Some(AssignmentRef { deployment: deployment_id(), attempt: 1 }),
        job: None,
        status,
        reason: None,
        message: String::new(),
        closure: None,
    }
}

fn deployment_id() -> DeploymentId {
    "dep".parse().unwrap()
}
