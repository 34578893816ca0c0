//! Which restore points stay: by count, age and bytes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::Sha256;
use jiff::Timestamp;

use super::Stored;
use crate::config::settings::VaultSettings;
use crate::host::bundle::files::{FilePlan, NodeKind};

/// What retention must know of a restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Its number.
    pub id: u64,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Whether it was gone back to: nobody will go back to it again.
    pub undone: bool,
    /// The objects that it needs, with their sizes in bytes.
    pub objects: BTreeMap<Sha256, u64>,
}

/// What retention must know of each restore point.
pub fn weigh(points: &[Stored]) -> Vec<Weight> {
    let weight = |stored: &Stored| Weight {
        id: stored.point.id,
        taken_at: stored.point.taken_at,
        undone: stored.undone.is_some(),
        objects: objects(stored),
    };
    points.iter().map(weight).collect()
}

/// What a point keeps: objects of the vault, and the files that a bundle replaced. The latter are gone once it was undone.
fn objects(stored: &Stored) -> BTreeMap<Sha256, u64> {
    let mut objects = stored.point.objects();
    let plan = FilePlan::load(&stored.folder).ok().flatten().filter(|_| stored.undone.is_none());
    for node in plan.iter().flat_map(|plan| &plan.changes).filter_map(|change| change.before.as_ref()) {
        if let NodeKind::File { size, sha256, .. } = &node.kind {
            objects.insert(*sha256, *size);
        }
    }
    objects
}

/// Decides which restore points stay and which go, each by number, newest first.
///
/// The newest `settings.keep` that can still be gone back to always stay, and so do those in `protected`. Beyond them
/// a point goes when it is too old or when the vault would grow too large with it, and then every older one goes as
/// well: the way back to it led through the one that is gone. Points that were gone back to have what room is left.
pub fn keep(
    points: &[Weight],
    settings: &VaultSettings,
    protected: &BTreeSet<u64>,
    now: Timestamp,
) -> (Vec<u64>, Vec<u64>) {
    let mut newest_first: Vec<&Weight> = points.iter().collect();
    newest_first.sort_by_key(|point| std::cmp::Reverse(point.id));
    let (undone, live): (Vec<&Weight>, Vec<&Weight>) = newest_first.into_iter().partition(|point| point.undone);
    let must = |point: &Weight| protected.contains(&point.id);
    let mut held: BTreeMap<Sha256, u64> = BTreeMap::new();
    let always = live.iter().take(usize::try_from(settings.keep).unwrap_or(usize::MAX));
    let mut kept: BTreeSet<u64> =
        always.chain(live.iter().chain(&undone).filter(|point| must(point))).map(|point| point.id).collect();
    for point in points.iter().filter(|point| kept.contains(&point.id)) {
        held.extend(&point.objects);
    }
    let mut fits = |point: &Weight| {
        let mut with = held.clone();
        with.extend(&point.objects);
        let young = now.duration_since(point.taken_at).unsigned_abs() <= settings.max_age || now < point.taken_at;
        let fits = young && with.values().sum::<u64>() <= settings.max_bytes;
        if fits {
            held = with;
        }
        fits
    };
    let candidates: Vec<&Weight> = live.iter().filter(|point| !kept.contains(&point.id)).copied().collect();
    kept.extend(candidates.into_iter().take_while(|point| fits(point)).map(|point| point.id));
    let candidates: Vec<&Weight> = undone.iter().filter(|point| !kept.contains(&point.id)).copied().collect();
    kept.extend(candidates.into_iter().take_while(|point| fits(point)).map(|point| point.id));
    let mut ids: Vec<u64> = points.iter().map(|point| point.id).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.into_iter().partition(|id| kept.contains(id))
}

#[cfg(test)]
mod tests;
