//! Tests of the order in which devices come.

use super::*;

fn ranks(deployment: &str, devices: u32) -> Vec<i64> {
    let deployment = deployment.parse().unwrap();
    (0..devices).map(|number| rank(&deployment, &format!("device-{number}").parse().unwrap())).collect()
}

#[test]
fn a_rank_never_changes_over_versions_of_this_program() {
    let rank = rank(&"dep-1".parse().unwrap(), &"dev-1".parse().unwrap());
    assert_eq!(rank, PINNED);
}

#[test]
fn another_deployment_has_another_order() {
    let order = |deployment| {
        let mut devices: Vec<_> = ranks(deployment, 20).into_iter().enumerate().collect();
        devices.sort_by_key(|(_, rank)| *rank);
        devices.into_iter().map(|(device, _)| device).collect::<Vec<_>>()
    };
    assert_eq!(order("one"), order("one"));
    assert_ne!(order("one"), order("two"));
}

#[test]
fn ranks_are_spread_evenly() {
    let mut eighths = [0_u32; 8];
    for rank in ranks("one", 8_000) {
        eighths[usize::try_from((rank.cast_unsigned() ^ (1 << 63)) >> 61).unwrap()] += 1;
    }
    assert!(eighths.iter().all(|count| (850..1_150).contains(count)), "{eighths:?}");
}

#[test]
fn names_do_not_run_into_one_another() {
    let rank = |deployment: &str, device: &str| rank(&deployment.parse().unwrap(), &device.parse().unwrap());
    assert_ne!(rank("ab", "c"), rank("a", "bc"));
}

// The first eight bytes of the digest of `dep-1`, a zero byte, `dev-1`, computed with sha256sum.
const PINNED: i64 = -6_256_803_364_986_425_946;
