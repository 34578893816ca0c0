//! The ten kills are what they are said to be.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_kills_hit_every_phase_more_than_once_and_no_instant_twice() {
    for phase in ["capture", "unpacking", "configuring", "commit"] {
        assert!(KILLS.iter().filter(|kill| kill.phase == phase).count() > 1, "{phase}");
    }
    let instants: BTreeSet<_> = KILLS.iter().map(|kill| (kill.job, kill.at, kill.writes)).collect();
    assert_eq!(instants.len(), KILLS.len());
}
