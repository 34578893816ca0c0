//! Tests of how versions are fixed.

use super::*;
use crate::domain::AssignmentStatus;
use crate::domain::testing::{assignment, deployment, report};

fn closure(packages: &[&str]) -> Closure {
    let packages = packages.iter().map(|spec| spec.parse().unwrap()).collect();
    Closure { packages, removed: Vec::new() }
}

fn decided(listed: &[&str], told: Option<Closure>) -> Decision {
    let listed = PackageList::from_lines(listed.iter().copied()).unwrap();
    let says = Report { closure: told, ..report(ReportStatus::Completed) };
    frozen(&assignment(AssignmentStatus::Verifying), &says, Some(&listed), "arm64")
}

#[test]
fn a_closure_that_answers_every_line_is_fixed_for_all() {
    for listed in [&["demo-app"][..], &["demo-app=2.0", "demo-lib"], &["demo-app:arm64=2.0"]] {
        let told = closure(&["demo-app=2.0", "demo-lib=1.1"]);
        let decision = decided(listed, Some(told.clone()));
        assert_eq!(decision.act, Act::Freeze { frozen: Frozen { closure: told, by: "dev".parse().unwrap() } });
        assert_eq!(decision.reason, "fixed to the versions of 2 packages that dev resolved");
        assert_eq!(decision.inputs["attempt"], 1);
    }
}

#[test]
fn one_package_is_not_counted_as_several() {
    let decision = decided(&["demo-app"], Some(closure(&["demo-app=2.0"])));
    assert_eq!(decision.reason, "fixed to the versions of 1 package that dev resolved");
}

#[test]
fn anything_else_leaves_the_versions_open_and_says_why() {
    for (told, why) in [
        (None, "no versions reported"),
        (Some(Closure::default()), "demo-app=2.0 is listed and was not reported"),
        (Some(closure(&["demo-lib=1.1"])), "demo-app=2.0 is listed and was not reported"),
        (Some(closure(&["demo-app=1.9"])), "demo-app=2.0 is listed and demo-app=1.9 was reported"),
        (Some(closure(&["demo-app:armhf=2.0"])), "demo-app=2.0 is listed and was not reported"),
        (Some(closure(&["demo-app=2.0", "demo-lib"])), "demo-lib reported without its version"),
    ] {
        let decision = decided(&["demo-app=2.0"], told);
        assert_eq!(decision.act, Act::LeaveOpen, "{why}");
        assert_eq!(decision.reason, format!("not_frozen: {why}, by dev; devices go on one at a time"));
    }
    let says = Report { closure: Some(closure(&["demo-app=2.0"])), ..report(ReportStatus::Completed) };
    let gone = frozen(&assignment(AssignmentStatus::Verifying), &says, None, "arm64");
    assert_eq!(gone.act, Act::LeaveOpen);
}

#[test]
fn only_the_end_of_an_installation_whose_versions_are_open_fixes_them() {
    let open = Deployment { frozen: None, ..deployment() };
    let before = assignment(AssignmentStatus::Verifying);
    let says = report(ReportStatus::Completed);
    assert!(is_first_end(&before, &open, &says));
    assert!(!is_first_end(&before, &deployment(), &says), "they are fixed once");
    assert!(!is_first_end(&before, &open, &report(ReportStatus::Failed)), "they are not proven");
    let other = Assignment { attempt: 2, ..before.clone() };
    assert!(!is_first_end(&other, &open, &says), "it is about another attempt");
    let back = Deployment { kind: DeploymentKind::RollBack, ..open };
    assert!(!is_first_end(&before, &back, &says), "a way back has none");
}
