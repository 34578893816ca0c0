use super::*;
use crate::clock;

const PIECE: usize = 64 * 1024;

/// Seconds that a megabyte takes at 256 KiB a second where each piece comes `late` after the wait for the last one.
fn seconds_for_a_megabyte(late: Duration) -> f64 {
    let (mut pace, begun) = (Pace::new(256 * 1024), clock::monotonic());
    let mut now = begun;
    for _ in 0..16 {
        now += late;
        now += pace.spend(now, PIECE);
    }
    (now - begun).as_secs_f64()
}

#[test]
fn a_fast_stream_is_held_to_the_rate() {
    assert!((seconds_for_a_megabyte(Duration::ZERO) - 4.0).abs() < 0.01);
}

#[test]
fn the_time_that_a_piece_takes_is_no_extra_wait() {
    assert!((seconds_for_a_megabyte(Duration::from_millis(100)) - 4.1).abs() < 0.01);
}

#[test]
fn a_slow_stream_does_not_wait() {
    // Only after the first piece, before which there was no time to be ahead of.
    assert!((seconds_for_a_megabyte(Duration::from_secs(1)) - 16.25).abs() < 0.01);
}

#[test]
fn after_a_pause_no_more_than_a_second_is_made_up_for() {
    let (mut pace, now) = (Pace::new(PIECE as u64), clock::monotonic());
    assert_eq!(pace.spend(now, PIECE), Duration::from_secs(1));
    let later = now + Duration::from_secs(3600);
    assert_eq!(pace.spend(later, PIECE), Duration::ZERO);
    assert_eq!(pace.spend(later, PIECE), Duration::from_secs(1));
}
