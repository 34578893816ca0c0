use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_longest_wait_doubles_up_to_the_limit() {
    let longest: Vec<u64> = (1..=11).map(|failures| Backoff::SERVER.delay(failures, 1.0).as_secs()).collect();
    assert_eq!(longest, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(Backoff::SERVER.delay(u32::MAX, 1.0).as_secs(), 300);
}

#[test]
fn the_wait_lies_anywhere_below_the_longest() {
    assert_eq!(Backoff::SERVER.delay(9, 0.5), Duration::from_secs(128));
    assert_eq!(Backoff::SERVER.delay(9, 0.0), SECOND, "but never at once");
}

#[test]
fn values_that_make_no_back_off_are_refused() {
    assert_eq!(Backoff::new(Duration::ZERO, SECOND), Err(BackoffError));
    assert_eq!(Backoff::new(SECOND * 2, SECOND), Err(BackoffError));
    assert!(Backoff::new(SECOND, SECOND).is_ok());
}

proptest! {
    #[test]
    fn no_wait_leaves_the_limits(failures: u32, random in 0.0..1.0, base in 1_u64..10_000, more in 0_u64..1_000_000) {
        let (base, cap) = (Duration::from_millis(base), Duration::from_millis(base + more));
        let delay = Backoff::new(base, cap).unwrap().delay(failures, random);
        prop_assert!(base <= delay && delay <= cap);
    }
}
