use std::time::Duration;

use super::*;
use crate::durable::digest_of_bytes;

const DAY: u64 = 24 * 60 * 60;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn point(id: u64, days: u64, objects: &[(&str, u64)]) -> Weight {
    Weight {
        id,
        taken_at: now() - Duration::from_secs(days * DAY),
        undone: false,
        objects: objects.iter().map(|(name, size)| (digest_of_bytes(name.as_bytes()), *size)).collect(),
    }
}

fn settings(keep: u64, max_bytes: u64, days: u64) -> VaultSettings {
    VaultSettings { keep, max_bytes, max_age: Duration::from_secs(days * DAY) }
}

fn decide(points: &[Weight], settings: &VaultSettings, protected: &[u64]) -> (Vec<u64>, Vec<u64>) {
    keep(points, settings, &protected.iter().copied().collect(), now())
}

#[test]
fn the_newest_stay_whatever_their_age_and_size() {
    let points = [point(1, 400, &[("a", 900)]), point(2, 300, &[("b", 900)]), point(3, 200, &[("c", 900)])];
    assert_eq!(decide(&points, &settings(2, 10, 1), &[]), (vec![3, 2], vec![1]));
}

#[test]
fn beyond_them_age_decides() {
    let points: Vec<_> = (1..=5).map(|id| point(id, (5 - id) * 10, &[])).collect();
    assert_eq!(decide(&points, &settings(1, 1000, 25), &[]), (vec![5, 4, 3], vec![2, 1]));
}

#[test]
fn bytes_count_once_however_many_points_share_them() {
    let points =
        [point(1, 0, &[("own", 60)]), point(2, 0, &[("shared", 50), ("mine", 10)]), point(3, 0, &[("shared", 50)])];
    assert_eq!(decide(&points, &settings(1, 60, 1), &[]), (vec![3, 2], vec![1]));
    assert_eq!(decide(&points, &settings(1, 120, 1), &[]), (vec![3, 2, 1], vec![]));
}

#[test]
fn behind_one_that_goes_every_older_one_goes() {
    let points = [point(1, 0, &[("small", 1)]), point(2, 0, &[("large", 500)]), point(3, 0, &[("a", 10)])];
    assert_eq!(decide(&points, &settings(1, 100, 1), &[]), (vec![3], vec![2, 1]));
}

#[test]
fn what_an_open_transaction_needs_is_never_dropped() {
    let points = [point(1, 900, &[("a", 900)]), point(2, 900, &[("b", 900)]), point(3, 0, &[("c", 1)])];
    assert_eq!(decide(&points, &settings(1, 10, 1), &[1]), (vec![3, 1], vec![2]));
}

#[test]
fn points_that_were_gone_back_to_do_not_count_and_go_first() {
    let mut points = vec![point(1, 0, &[("a", 40)]), point(2, 0, &[("b", 40)]), point(3, 0, &[("c", 40)])];
    points[2].undone = true;
    assert_eq!(decide(&points, &settings(1, 80, 1), &[]), (vec![2, 1], vec![3]));
    assert_eq!(decide(&points, &settings(1, 120, 1), &[]), (vec![3, 2, 1], vec![]));
}

#[test]
fn a_clock_set_back_drops_nothing() {
    let mut points = vec![point(1, 0, &[]), point(2, 0, &[])];
    points[0].taken_at = now() + Duration::from_secs(9000 * DAY);
    assert_eq!(decide(&points, &settings(1, 10, 1), &[]), (vec![2, 1], vec![]));
}
