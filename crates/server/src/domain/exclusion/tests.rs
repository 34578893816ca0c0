//! Tests of which devices are left out, and why.

use super::*;
use crate::domain::testing::{device, install, with, without};

const CANARY: Strategy = Strategy::Canary { percent: 10, soak_s: None };
const ROLLING: Strategy = Strategy::Rolling { percent: 20 };

fn code(device: &Device, kind: DeploymentKind, strategy: &Strategy) -> Option<&'static str> {
    code_for(device, kind, strategy, Demands { kind: PayloadKind::Packages, signed: false })
}

fn code_for(device: &Device, kind: DeploymentKind, strategy: &Strategy, demands: Demands) -> Option<&'static str> {
    exclusion(device, kind, strategy, demands).map(|exclusion| {
        assert!(exclusion.message.len() > 20, "{} says what to do", exclusion.code);
        exclusion.code
    })
}

#[test]
fn a_device_that_can_do_everything_takes_part_in_everything() {
    for kind in [DeploymentKind::Install, DeploymentKind::RollBack] {
        for strategy in [Strategy::Manual, Strategy::Immediate, CANARY, ROLLING] {
            assert_eq!(code(&device("dev"), kind, &strategy), None, "{kind:?} {strategy:?}");
        }
    }
}

#[test]
fn what_a_device_cannot_do_it_is_not_asked_to_do() {
    let (install, back) = (DeploymentKind::Install, DeploymentKind::RollBack);
    for (lacks, kind, strategy, expected) in [
        (capability::STAGED, install, CANARY, Some("cannot_be_staged")),
        (capability::STAGED, install, ROLLING, Some("cannot_be_staged")),
        (capability::STAGED, install, Strategy::Immediate, None),
        (capability::STAGED, back, CANARY, Some("cannot_be_staged")),
        (capability::PACKAGES, install, Strategy::Manual, Some("cannot_install")),
        (capability::PACKAGES, back, Strategy::Manual, None),
        (capability::CLOSURE, install, Strategy::Immediate, Some("cannot_pin")),
        (capability::CLOSURE, back, Strategy::Immediate, None),
        (capability::CAN_ROLL_BACK, back, Strategy::Immediate, Some("cannot_roll_back")),
        (capability::CAN_ROLL_BACK, install, Strategy::Immediate, None),
        (capability::REPORTS_VERSION, install, CANARY, None),
    ] {
        let device = without(device("dev"), lacks);
        assert_eq!(code(&device, kind, &strategy), expected, "without {lacks}: {kind:?} {strategy:?}");
    }
}

#[test]
fn a_device_without_bundles_is_left_out_of_bundles_alone() {
    let bundle = Demands { kind: PayloadKind::Bundle, signed: false };
    let (install, back) = (DeploymentKind::Install, DeploymentKind::RollBack);
    let old = device("dev");
    assert_eq!(code_for(&old, install, &Strategy::Immediate, bundle), Some("no_bundles"));
    assert_eq!(code_for(&old, back, &Strategy::Immediate, bundle), None);
    assert_eq!(code(&old, install, &Strategy::Immediate), None);
    let new = without(with(device("dev"), capability::BUNDLE), capability::PACKAGES);
    assert_eq!(code_for(&new, install, &CANARY, bundle), None);
    assert_eq!(code(&new, install, &CANARY), Some("cannot_install"));
}

#[test]
fn a_device_with_pinned_keys_is_left_out_of_what_nobody_signed() {
    let pinned = with(with(device("dev"), capability::BUNDLE), capability::SIGNED);
    for kind in [PayloadKind::Packages, PayloadKind::Bundle] {
        let asked = |signed| code_for(&pinned, DeploymentKind::Install, &Strategy::Immediate, Demands { kind, signed });
        assert_eq!((asked(false), asked(true)), (Some("unsigned_release"), None), "{kind:?}");
    }
    let back = Demands { kind: PayloadKind::Bundle, signed: false };
    assert_eq!(code_for(&pinned, DeploymentKind::RollBack, &Strategy::Immediate, back), None);
}

#[test]
fn only_authorised_devices_take_part() {
    for state in [DeviceState::Pending, DeviceState::Quarantined, DeviceState::Revoked] {
        let device = Device { state, ..device("dev") };
        assert_eq!(code(&device, DeploymentKind::Install, &Strategy::Manual), Some("not_authorized"), "{state:?}");
    }
}

#[test]
fn there_is_nothing_to_do_where_the_device_is_as_asked() {
    let two: ReleaseVersion = "v2.0".parse().unwrap();
    let mut device = device("dev");
    for (installed, kind, expected) in [
        (Some("2.0"), DeploymentKind::Install, Some("already_installed")),
        (Some("1.0"), DeploymentKind::Install, None),
        (None, DeploymentKind::Install, None),
        (Some("2.0"), DeploymentKind::RollBack, None),
        (Some("1.0"), DeploymentKind::RollBack, Some("not_installed")),
        (None, DeploymentKind::RollBack, None),
    ] {
        install(&mut device, installed);
        let found = needless(&device, kind, Some(&two)).map(|found| found.code);
        assert_eq!(found, expected, "{kind:?} with {installed:?}");
        assert_eq!(needless(&device, kind, None), None);
    }
}

#[test]
fn what_a_device_cannot_measure_is_not_believed() {
    let mut device = without(device("dev"), capability::REPORTS_VERSION);
    install(&mut device, Some("2.0"));
    assert_eq!(needless(&device, DeploymentKind::Install, Some(&"2.0".parse().unwrap())), None);
}
