//! Which disks a power cut could have left behind, pure: flush boundaries, and parts of what was not flushed between.
//!
//! A disk keeps what was written before a flush that it has answered. Of what came after it may keep anything: any of the
//! writes, and of a write any of its sectors.

use std::ops::Range;

use belay_testkit::soak::random::Random;

use crate::log::{Deed, Entry};
use crate::payload::Job;
use crate::story::Story;

/// What lies between two flushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The job that was running.
    pub job: Job,
    /// The entries between; the one after the last is the flush.
    pub entries: Range<usize>,
    /// The device had answered that the job ended, so the new state is what it must be in.
    pub answered: bool,
}

/// A disk to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its number in the plan.
    pub index: usize,
    /// Where.
    pub gap: Gap,
    /// What.
    pub kind: Kind,
}

/// What of a gap is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of it: the flush at its end was the last thing to happen.
    Boundary,
    /// A part, chosen by the plan's seed and the cut's number: the power went before that flush.
    Subset,
}

/// What becomes of one write that was not flushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on the disk.
    Kept,
    /// It never got there.
    Lost,
    /// Only these of its sectors did.
    Torn(Vec<u64>),
}

/// All gaps of a story that have something in them.
pub fn gaps(entries: &[Entry], story: &Story) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for chapter in &story.chapters {
        let first = entries.partition_point(|entry| entry.end <= chapter.from);
        let last = entries.partition_point(|entry| entry.end <= chapter.until);
        let mut begin = first;
        for at in first..last {
            if entries[at].deed == Deed::Flush {
                if entries[begin..at].iter().any(|entry| matters(entry.deed)) {
                    let answered = entries[at].end > chapter.answered;
                    gaps.push(Gap { job: chapter.job, entries: begin..at, answered });
                }
                begin = at + 1;
            }
        }
    }
    gaps
}

/// The whole plan: for each gap its boundary, then so many subsets.
pub fn plan(gaps: &[Gap], subsets: usize) -> Vec<Cut> {
    let kinds = |gap: &Gap| {
        let gap = gap.clone();
        (0..=subsets).map(move |number| (gap.clone(), if number == 0 { Kind::Boundary } else { Kind::Subset }))
    };
    let all = gaps.iter().flat_map(kinds).enumerate();
    all.map(|(index, (gap, kind))| Cut { index, gap, kind }).collect()
}

/// A sample of a plan, the same one for the same seed: one from each of so many equal parts, so that it is spread.
pub fn sample(plan: &[Cut], count: usize, seed: u64) -> Vec<Cut> {
    let count = count.min(plan.len());
    let stretch = |number: usize| number * plan.len() / count.max(1);
    let pick = |number: usize| {
        let cuts = &plan[stretch(number)..stretch(number + 1)];
        let chosen = Random::of_case(seed, number as u64).below(u32::try_from(cuts.len()).unwrap_or(u32::MAX));
        cuts.get(chosen as usize).cloned()
    };
    (0..count).filter_map(pick).collect()
}

/// The i-th of n parts of a plan, i from 1: neighbours stay together, for each disk is made from the one before.
pub fn shard(plan: Vec<Cut>, part: usize, parts: usize) -> Vec<Cut> {
    let (from, until) = ((part - 1) * plan.len() / parts, part * plan.len() / parts);
    plan.into_iter().skip(from).take(until - from).collect()
}

/// What becomes of each entry of a gap. Written-through ones are kept, and some write is always lost or torn.
pub fn fates(entries: &[Entry], seed: u64, index: usize) -> Vec<Fate> {
    let mut random = Random::of_case(seed, index as u64);
    let keep_of_eight = random.pick(&[1, 4, 7]);
    let tear_of_eight = random.pick(&[0, 1, 4]);
    let fate = |entry: &Entry| {
        let (torn_one, kept_one) = (random.below(8) < tear_of_eight, random.below(8) < keep_of_eight);
        if !is_loose(entry) || (!(torn_one && entry.sectors > 1) && kept_one) {
            Fate::Kept
        } else if torn_one && entry.sectors > 1 {
            torn(&mut random, entry.sectors)
        } else {
            Fate::Lost
        }
    };
    let mut fates: Vec<Fate> = entries.iter().map(fate).collect();
    let loose: Vec<usize> = (0..entries.len()).filter(|at| is_loose(&entries[*at])).collect();
    // All of them is the boundary after, none the boundary before: both are tried anyway.
    let alike = loose.windows(2).all(|pair| fates[pair[0]] == fates[pair[1]]);
    let whole = loose.iter().all(|at| matches!(fates[*at], Fate::Kept | Fate::Lost));
    if !loose.is_empty() && alike && whole {
        let at = random.pick(&loose);
        fates[at] = if entries[at].sectors > 1 {
            torn(&mut random, entries[at].sectors)
        } else if fates[at] == Fate::Kept {
            Fate::Lost
        } else {
            Fate::Kept
        };
    }
    fates
}

/// Tells whether a power cut can lose it.
fn is_loose(entry: &Entry) -> bool {
    match entry.deed {
        Deed::Write { durable } => !durable,
        Deed::Discard => true,
        Deed::Flush | Deed::Mark => false,
    }
}

/// Some sectors of a write that has several, but not all: its beginning, or any.
fn torn(random: &mut Random, sectors: u64) -> Fate {
    let end = u32::try_from(sectors).unwrap_or(u32::MAX);
    if random.below(2) == 0 {
        return Fate::Torn((0..u64::from(1 + random.below(end - 1))).collect());
    }
    let mut kept: Vec<u64> = (0..sectors).filter(|_| random.below(2) == 0).collect();
    if kept.len() as u64 == sectors {
        kept.pop();
    }
    if kept.is_empty() {
        kept.push(u64::from(random.below(end)));
    }
    Fate::Torn(kept)
}

fn matters(deed: Deed) -> bool {
    match deed {
        Deed::Write { .. } | Deed::Discard => true,
        Deed::Flush | Deed::Mark => false,
    }
}

#[cfg(test)]
mod tests;
