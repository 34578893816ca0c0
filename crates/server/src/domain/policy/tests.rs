//! Tests of which strategies and policies are taken.

use super::*;
use crate::domain::testing::at;

fn open(windows: &[&str], zone: Option<&str>, now: Timestamp) -> bool {
    let windows = windows.iter().map(|&window| window.to_owned()).collect();
    windows_open(&Policy { windows, time_zone: zone.map(str::to_owned), ..Policy::default() }, now)
}

#[test]
fn ordinary_limits_are_taken() {
    let policy = Policy {
        windows: vec!["Mon-Fri 02:00-05:00".to_owned(), "22:00-04:00".to_owned()],
        time_zone: Some("Europe/Paris".to_owned()),
        ..Policy::default()
    };
    assert_eq!(check(&Strategy::Rolling { percent: 20 }, &policy), Ok(()));
    assert_eq!(check(&Strategy::Manual, &Policy::default()), Ok(()));
}

#[test]
fn each_limit_is_refused_by_name_just_beyond_its_edge() {
    let usual = Policy::default;
    let edge = Policy { retries: 10, priority: -100, max_failure_percent: 100, min_success_percent: 0, ..usual() };
    assert_eq!(check(&Strategy::Canary { percent: 100, soak_s: None }, &edge), Ok(()));
    for (field, policy) in [
        ("max_failure_percent", Policy { max_failure_percent: 101, ..usual() }),
        ("min_success_percent", Policy { min_success_percent: 101, ..usual() }),
        ("min_sample", Policy { min_sample: 0, ..usual() }),
        ("max_in_flight", Policy { max_in_flight: 0, ..usual() }),
        ("device_timeout_s", Policy { device_timeout_s: 0, ..usual() }),
        ("pickup_timeout_s", Policy { pickup_timeout_s: 0, ..usual() }),
        ("deadline_s", Policy { deadline_s: 0, ..usual() }),
        ("retries", Policy { retries: 11, ..usual() }),
        ("priority", Policy { priority: 101, ..usual() }),
        ("priority", Policy { priority: -101, ..usual() }),
        ("windows", Policy { windows: vec!["at night".to_owned()], ..usual() }),
        ("time_zone", Policy { time_zone: Some("Europe/Atlantis".to_owned()), ..usual() }),
    ] {
        assert_eq!(check(&Strategy::Immediate, &policy).unwrap_err().field, format!("policy.{field}"));
    }
    for percent in [0, 101] {
        let canary = Strategy::Canary { percent, soak_s: None };
        assert_eq!(check(&canary, &usual()).unwrap_err().field, "strategy.percent");
        assert_eq!(check(&Strategy::Rolling { percent }, &usual()).unwrap_err().field, "strategy.percent");
    }
}

#[test]
fn without_windows_it_is_always_open() {
    assert!(open(&[], None, at(0)));
}

#[test]
fn a_window_opens_and_closes_to_the_minute() {
    let hour = 3_600;
    for (now, expected) in [(2 * hour - 1, false), (2 * hour, true), (5 * hour - 1, true), (5 * hour, false)] {
        assert_eq!(open(&["Thu 02:00-05:00"], None, at(now)), expected, "{now}");
        assert!(!open(&["Fri 02:00-05:00"], None, at(now)));
    }
}

#[test]
fn a_window_is_in_its_own_time_zone() {
    // 23:30 UTC on Wednesday is 00:30 on Thursday in Paris.
    let now = at(-1_800);
    assert!(open(&["Thu 00:00-01:00"], Some("Europe/Paris"), now));
    assert!(!open(&["Thu 00:00-01:00"], None, now));
}

#[test]
fn what_cannot_be_read_is_closed() {
    assert!(!open(&["nonsense"], None, at(0)));
    assert!(!open(&["00:00-24:00"], Some("Europe/Atlantis"), at(0)));
}
