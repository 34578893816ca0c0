//! Tests of how large waves are.

use super::*;

#[test]
fn a_canary_is_at_least_one_device() {
    for (devices, percent, size) in [(1, 1, 1), (99, 1, 1), (200, 1, 2), (1_000, 10, 100), (7, 50, 3), (0, 50, 1)] {
        assert_eq!(canary(devices, percent), size, "{percent} % of {devices}");
    }
}

#[test]
fn a_batch_is_at_least_five_devices() {
    for (devices, percent, size) in [(1, 20, 5), (25, 20, 5), (29, 20, 5), (30, 20, 6), (1_000, 20, 200), (3, 100, 5)] {
        assert_eq!(batch(devices, percent), size, "{percent} % of {devices}");
    }
}

#[test]
fn the_first_wave_is_what_the_strategy_says() {
    assert_eq!(first(&Strategy::Manual, 100), None);
    assert_eq!(first(&Strategy::Immediate, 100), None);
    assert_eq!(first(&Strategy::Canary { percent: 3, soak_s: None }, 100), Some(3));
    assert_eq!(first(&Strategy::Rolling { percent: 20 }, 100), Some(20));
}

#[test]
fn the_wave_after_a_canary_is_all_and_after_a_batch_another_batch() {
    assert_eq!(next(&Strategy::Canary { percent: 3, soak_s: Some(1) }, 3, 100), None);
    assert_eq!(next(&Strategy::Rolling { percent: 20 }, 20, 100), Some(40));
    assert_eq!(next(&Strategy::Rolling { percent: 20 }, 40, 200), Some(80), "late joiners make batches grow");
}
