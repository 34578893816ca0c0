//! Given a check and looks at it; then it passed, failed or needs another look.

use proptest::prelude::*;

use super::*;
use crate::machine::rules::Probe;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A look every 2 s, failures count after 10 s, two of them are tolerated, it must hold for 4 s.
fn spec() -> CheckSpec {
    CheckSpec {
        name: "web".to_owned(),
        probe: Probe::Tcp("localhost:80".to_owned()),
        required: true,
        grace: seconds(10),
        interval: seconds(2),
        retries: 2,
        timeout: seconds(1),
        settle: seconds(4),
    }
}

/// `+` is a good look, `-` a bad one, one every 2 s.
fn looks(pattern: &str) -> Vec<Look> {
    let look = |(at, sign): (usize, char)| Look {
        at: seconds(2 * at as u64),
        passed: sign == '+',
        message: format!("look {at} said {sign}"),
    };
    pattern.chars().enumerate().map(look).collect()
}

fn stands(spec: &CheckSpec, pattern: &str) -> Assessment {
    let looks = looks(pattern);
    let elapsed = looks.last().map_or(Duration::ZERO, |look| look.at);
    assess(spec, &looks, elapsed)
}

#[test]
fn given_looks_then_the_check_passed_failed_or_needs_another() {
    use Assessment::{Failed, Passed, Pending};
    let failed = |text: &str| Failed(text.to_owned());
    for (given, then) in [
        ("", Pending),
        ("+", Pending),
        ("++", Pending),
        ("+++", Passed),
        ("-+++", Passed),
        ("++-++", Pending),
        ("++-+++", Passed),
        // Within the grace time nothing fails.
        ("-----", Pending),
        ("-----++", Pending),
        ("-----+++", Passed),
        // After it the third failure is one too many, in a row or not.
        ("-------", Pending),
        ("--------", failed("look 7 said - (3 times)")),
        ("-----+-+-+-", failed("look 10 said - (3 times)")),
        ("-----+-+-+++", Passed),
        // A failure takes back what had nearly held.
        ("-----++-++", Pending),
    ] {
        assert_eq!(stands(&spec(), given), then, "{given}");
    }
}

#[test]
fn given_no_tolerance_then_one_look_decides() {
    let strict = CheckSpec { grace: Duration::ZERO, retries: 0, settle: Duration::ZERO, ..spec() };
    assert_eq!(stands(&strict, "+"), Assessment::Passed);
    assert_eq!(stands(&strict, "-"), Assessment::Failed("look 0 said -".to_owned()));
}

#[test]
fn given_too_few_looks_then_the_check_ends_by_itself() {
    // 10 s grace, 4 s settle, 3 times 2 s interval and 1 s timeout.
    let bound = seconds(23);
    let just_before = bound - Duration::from_millis(1);
    assert_eq!(assess(&spec(), &looks("-"), just_before), Assessment::Pending);
    assert_eq!(
        assess(&spec(), &looks("-"), bound),
        Assessment::Failed("did not hold within 23 s: look 0 said -".to_owned())
    );
    assert_eq!(
        assess(&spec(), &[], bound),
        Assessment::Failed("did not hold within 23 s: it was never looked at".to_owned())
    );
    // One that holds just then gets its time.
    assert_eq!(assess(&spec(), &looks("-+"), bound), Assessment::Pending);
}

#[test]
fn the_next_look_comes_after_the_interval_or_when_the_check_will_have_settled() {
    let short = CheckSpec { settle: seconds(1), ..spec() };
    let never = CheckSpec { interval: Duration::MAX, settle: Duration::MAX, ..spec() };
    for (spec, given, elapsed, then) in [
        (spec(), "", 0, 0),
        (spec(), "-", 0, 2),
        (spec(), "-", 1, 1),
        (spec(), "-", 9, 0),
        (spec(), "+", 0, 2),
        (spec(), "++", 2, 2),
        (short.clone(), "+", 0, 1),
        (short, "-", 0, 2),
        (never, "+", 0, u64::MAX),
    ] {
        let pause = pause(&spec, &looks(given), seconds(elapsed));
        assert_eq!(pause.as_secs(), then, "{given} after {elapsed} s");
    }
}

prop_compose! {
    fn any_spec()(
        grace in 0_u64..20, interval in 1_u64..5, retries in 0_u32..4, timeout in 1_u64..4, settle in 0_u64..12,
    ) -> CheckSpec {
        CheckSpec {
            grace: seconds(grace), interval: seconds(interval), retries,
            timeout: seconds(timeout), settle: seconds(settle), ..spec()
        }
    }
}

/// Plays the loop that asks: each look takes `takes` of its timeout and says what `says` tells of its time.
fn play(spec: &CheckSpec, says: impl Fn(u64) -> bool, takes: f64) -> (Vec<Look>, Duration, Assessment) {
    let (mut elapsed, mut looks) = (Duration::ZERO, Vec::new());
    loop {
        looks.push(Look { at: elapsed, passed: says(elapsed.as_secs()), message: "seen".to_owned() });
        elapsed += spec.timeout.mul_f64(takes);
        match assess(spec, &looks, elapsed) {
            Assessment::Pending => elapsed += pause(spec, &looks, elapsed),
            end @ (Assessment::Passed | Assessment::Failed(_)) => return (looks, elapsed, end),
        }
        assert!(looks.len() < 10_000, "the check does not end");
    }
}

proptest! {
    #[test]
    fn every_check_ends_whatever_it_sees(spec in any_spec(), seen: [bool; 32], takes in 0.0..1.0_f64) {
        let says = |second: u64| seen[usize::try_from(second % 32).unwrap()];
        let (looks, elapsed, end) = play(&spec, says, takes);
        prop_assert!(elapsed <= longest(&spec) + spec.settle + spec.interval + spec.timeout, "{elapsed:?}");
        let counted = looks.iter().filter(|look| !look.passed && look.at >= spec.grace).count();
        match end {
            Assessment::Passed => {
                // It held for its settle time up to the last look, and not too often failed before.
                let last = looks.last().unwrap().at;
                let from = last.saturating_sub(spec.settle);
                let held = looks.iter().filter(|look| look.at >= from).all(|look| look.passed);
                prop_assert!(held && last >= spec.settle && counted <= spec.retries as usize);
            }
            Assessment::Failed(_) => {
                prop_assert!(counted > spec.retries as usize || elapsed >= longest(&spec));
            }
            Assessment::Pending => prop_assert!(false, "the loop ends only with an end"),
        }
    }

    #[test]
    fn a_service_that_comes_up_within_its_grace_time_passes(spec in any_spec(), takes in 0.0..1.0_f64, up in 0_u64..20) {
        prop_assume!(seconds(up) <= spec.grace);
        let (_, _, end) = play(&spec, |second| second >= up, takes);
        prop_assert_eq!(end, Assessment::Passed);
    }

    #[test]
    fn a_service_that_never_comes_up_fails_and_not_before_its_grace_time(spec in any_spec(), takes in 0.0..1.0_f64) {
        let (_, elapsed, end) = play(&spec, |_| false, takes);
        prop_assert!(matches!(end, Assessment::Failed(_)));
        prop_assert!(elapsed >= spec.grace);
    }
}
