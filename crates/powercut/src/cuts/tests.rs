//! The plan of cuts, on logs made by hand.

use std::collections::BTreeSet;

use super::*;
use crate::story::Chapter;

const WRITE: Deed = Deed::Write { durable: false };
const THROUGH: Deed = Deed::Write { durable: true };

/// Entries of eight sectors each; the n-th ends at byte n * 10.
fn log(deeds: &[Deed]) -> Vec<Entry> {
    let entry = |(at, deed): (usize, &Deed)| {
        let sectors = if *deed == Deed::Flush { 0 } else { 8 };
        Entry { deed: *deed, sector: at as u64 * 8, sectors, data: 0, end: (at as u64 + 1) * 10 }
    };
    deeds.iter().enumerate().map(entry).collect()
}

fn story(from: u64, answered: u64, until: u64) -> Story {
    let chapters = vec![Chapter { job: Job::Update, from, answered, until }];
    Story { chapters, ..Story::default() }
}

#[test]
fn each_flush_with_something_before_it_makes_a_gap() {
    let entries = log(&[WRITE, Deed::Flush, WRITE, WRITE, Deed::Flush, Deed::Flush, Deed::Discard, Deed::Flush, WRITE]);
    let ranges: Vec<_> = gaps(&entries, &story(0, 1000, 1000)).into_iter().map(|gap| gap.entries).collect();
    assert_eq!(ranges, [0..1, 2..4, 6..7], "an empty gap is left out, and so is what no flush follows");
}

#[test]
fn gaps_lie_within_the_chapter_and_know_whether_it_was_answered() {
    let entries = log(&[WRITE, Deed::Flush, WRITE, Deed::Flush, WRITE, Deed::Flush, WRITE, Deed::Flush]);
    let gaps = gaps(&entries, &story(20, 45, 60));
    let told: Vec<_> = gaps.into_iter().map(|gap| (gap.entries, gap.answered)).collect();
    assert_eq!(told, [(2..3, false), (4..5, true)]);
}

#[test]
fn a_plan_tries_each_boundary_and_so_many_subsets() {
    let entries = log(&[WRITE, Deed::Flush, WRITE, Deed::Flush]);
    let plan = plan(&gaps(&entries, &story(0, 1000, 1000)), 2);
    let kinds: Vec<_> = plan.iter().map(|cut| (cut.index, cut.gap.entries.start, cut.kind)).collect();
    let (boundary, subset) = (Kind::Boundary, Kind::Subset);
    assert_eq!(
        kinds,
        [(0, 0, boundary), (1, 0, subset), (2, 0, subset), (3, 2, boundary), (4, 2, subset), (5, 2, subset)]
    );
}

#[test]
fn shards_are_the_whole_plan_and_nothing_twice() {
    let entries = log(&[WRITE, Deed::Flush].repeat(11));
    let plan = plan(&gaps(&entries, &story(0, 1000, 1000)), 1);
    for parts in [1, 2, 3, 7, 22, 30] {
        let together: Vec<Cut> = (1..=parts).flat_map(|part| shard(plan.clone(), part, parts)).collect();
        assert_eq!(together, plan, "{parts} parts");
    }
}

#[test]
fn a_sample_is_spread_and_the_same_each_time() {
    let entries = log(&[WRITE, Deed::Flush].repeat(100));
    let plan = plan(&gaps(&entries, &story(0, 10_000, 10_000)), 1);
    let indexes = |seed| sample(&plan, 20, seed).into_iter().map(|cut| cut.index).collect::<Vec<_>>();
    assert_eq!(indexes(1), indexes(1));
    assert_ne!(indexes(1), indexes(2));
    for (number, index) in indexes(1).into_iter().enumerate() {
        assert!((number * 10..number * 10 + 10).contains(&index), "the {number}th of 20 is {index}");
    }
    assert_eq!(sample(&plan, 10_000, 1).len(), plan.len(), "no more than there are");
}

#[test]
fn a_subset_never_equals_a_boundary_and_keeps_what_was_written_through() {
    let mut seen = BTreeSet::new();
    for deeds in [vec![WRITE], vec![WRITE, WRITE], vec![WRITE, THROUGH, WRITE, WRITE], vec![THROUGH, WRITE]] {
        let entries = log(&deeds);
        for index in 0..500 {
            let fates = fates(&entries, 1, index);
            assert_eq!(fates, super::fates(&entries, 1, index), "the same cut is the same disk");
            let loose: Vec<&Fate> =
                deeds.iter().zip(&fates).filter(|(deed, _)| **deed == WRITE).map(|(_, fate)| fate).collect();
            let through = deeds.iter().zip(&fates).filter(|(deed, _)| **deed == THROUGH);
            assert!(through.clone().all(|(_, fate)| *fate == Fate::Kept));
            assert!(loose.iter().any(|fate| **fate != Fate::Kept), "{deeds:?} {fates:?} is the boundary after");
            assert!(loose.iter().any(|fate| **fate != Fate::Lost), "{deeds:?} {fates:?} is the boundary before");
            for fate in fates {
                if let Fate::Torn(sectors) = &fate {
                    assert!((1..8).contains(&sectors.len()), "{sectors:?}");
                    assert!(sectors.is_sorted() && sectors.iter().all(|sector| *sector < 8));
                }
                seen.insert(std::mem::discriminant(&fate) == std::mem::discriminant(&Fate::Torn(Vec::new())));
            }
        }
    }
    assert_eq!(seen.len(), 2, "some are torn, some are not");
}

#[test]
fn a_single_sector_is_never_torn() {
    let mut entries = log(&[WRITE, WRITE]);
    entries.iter_mut().for_each(|entry| entry.sectors = 1);
    for index in 0..200 {
        let fates = fates(&entries, 7, index);
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Kept | Fate::Lost)), "{fates:?}");
        assert_ne!(fates[0], fates[1]);
    }
}
