//! Given measurements and checks; then this verdict.

use belay_protocol::health::{CheckResult, Vitals};
use proptest::prelude::*;

use super::*;

fn vitals(failed: &[&str], restarts: &[(&str, u64)], audit: &[&str]) -> Vitals {
    Vitals {
        failed_units: failed.iter().map(ToString::to_string).collect(),
        restarts: restarts.iter().map(|(unit, count)| ((*unit).to_owned(), *count)).collect(),
        audit: audit.iter().map(ToString::to_string).collect(),
    }
}

fn check(name: &str, required: bool, passed: bool) -> CheckResult {
    CheckResult { name: name.to_owned(), required, passed, message: "connection refused".to_owned() }
}

#[test]
fn given_vitals_before_and_after_then_only_what_became_worse_counts() {
    let none = || vitals(&[], &[], &[]);
    let failed = |units: &[&str]| vitals(units, &[], &[]);
    let restarts = |restarts: &[(&str, u64)]| vitals(&[], restarts, &[]);
    let audit = |lines: &[&str]| vitals(&[], &[], lines);
    for (before, after, then) in [
        (none(), none(), vec![]),
        (failed(&["a.service"]), failed(&["a.service"]), vec![]),
        (failed(&["a.service"]), none(), vec![]),
        (
            failed(&["a.service"]),
            failed(&["a.service", "b.service"]),
            vec!["b.service failed; see systemctl status b.service"],
        ),
        (restarts(&[("a.service", 3)]), restarts(&[("a.service", 3)]), vec![]),
        (restarts(&[("a.service", 3)]), restarts(&[("a.service", 1)]), vec![]),
        (
            restarts(&[("a.service", 3)]),
            restarts(&[("a.service", 5), ("b.service", 1)]),
            vec![
                "a.service was restarted by systemd (2x); see journalctl -u a.service",
                "b.service was restarted by systemd (1x); see journalctl -u b.service",
            ],
        ),
        (audit(&["demo-old is half-configured"]), audit(&["demo-old is half-configured"]), vec![]),
        (
            audit(&["demo-old is half-configured"]),
            audit(&["demo-old is half-configured", "demo-app is half-installed"]),
            vec!["dpkg --audit complains: demo-app is half-installed"],
        ),
    ] {
        let health = Health { before, after, checks: Vec::new() };
        let verdict = judge(&health);
        let causes: Vec<_> = then.into_iter().map(str::to_owned).collect();
        let expected = if causes.is_empty() {
            Verdict::Healthy { warnings: Vec::new() }
        } else {
            Verdict::Unhealthy { causes, warnings: Vec::new() }
        };
        assert_eq!(verdict, expected, "{health:?}");
    }
}

#[test]
fn given_checks_then_a_required_one_undoes_and_a_wanted_one_warns() {
    let sentence = |name: &str| format!("check {name} failed: connection refused");
    let judged = |checks: Vec<CheckResult>| judge(&Health { checks, ..Health::default() });
    assert_eq!(
        judged(vec![check("web", true, true), check("nice", false, true)]),
        Verdict::Healthy { warnings: vec![] }
    );
    assert_eq!(
        judged(vec![check("web", true, true), check("nice", false, false)]),
        Verdict::Healthy { warnings: vec![sentence("nice")] }
    );
    assert_eq!(
        judged(vec![check("nice", false, false), check("web", true, false)]),
        Verdict::Unhealthy { causes: vec![sentence("web")], warnings: vec![sentence("nice")] }
    );
}

fn any_vitals() -> impl Strategy<Value = Vitals> {
    let failed = prop::sample::subsequence(vec!["a.service", "b.service", "c.mount"], 0..=3);
    let restarts = prop::collection::btree_map(prop::sample::select(vec!["a.service", "b.service"]), 0_u64..4, 0..3);
    let audit = prop::sample::subsequence(vec!["demo-a is bad", "demo-b is bad"], 0..=2);
    (failed, restarts, audit).prop_map(|(failed, restarts, audit)| {
        let restarts: Vec<_> = restarts.into_iter().collect();
        vitals(&failed, &restarts, &audit)
    })
}

fn any_checks() -> impl Strategy<Value = Vec<CheckResult>> {
    let check = (any::<bool>(), any::<bool>()).prop_map(|(required, passed)| check("web", required, passed));
    prop::collection::vec(check, 0..4)
}

proptest! {
    #[test]
    fn a_device_as_it_was_is_healthy(vitals in any_vitals()) {
        let health = Health { before: vitals.clone(), after: vitals, checks: Vec::new() };
        prop_assert_eq!(judge(&health), Verdict::Healthy { warnings: Vec::new() });
    }

    #[test]
    fn unhealthy_means_a_cause_and_a_cause_means_unhealthy(
        before in any_vitals(), after in any_vitals(), checks in any_checks(),
    ) {
        let worse = after.failed_units.iter().any(|unit| !before.failed_units.contains(unit))
            || after.audit.iter().any(|line| !before.audit.contains(line))
            || after.restarts.iter().any(|(unit, count)| *count > before.restarts.get(unit).copied().unwrap_or(0))
            || checks.iter().any(|check| check.required && !check.passed);
        match judge(&Health { before, after, checks }) {
            Verdict::Healthy { .. } => prop_assert!(!worse),
            Verdict::Unhealthy { causes, .. } => prop_assert!(worse && !causes.is_empty()),
        }
    }

    #[test]
    fn a_cured_device_is_healthy(before in any_vitals(), checks in any_checks()) {
        let checks: Vec<_> = checks.into_iter().filter(|check| !check.required).collect();
        let failed = checks.iter().filter(|check| !check.passed).count();
        match judge(&Health { before, after: Vitals::default(), checks }) {
            Verdict::Healthy { warnings } => prop_assert_eq!(warnings.len(), failed),
            verdict @ Verdict::Unhealthy { .. } => prop_assert!(false, "{verdict:?}"),
        }
    }
}
