//! A ledger that is lost is rebuilt from the restore points: what was committed, what was undone, what was open.
//!
//! An open one has no receipt any more, so whether its update was applied is unknown: it is undone.

use belay_protocol::job::{Generation, JobId, JobState, Request};
use belay_protocol::{Failure, Reason};

use super::Inner;
use super::roll_back::left_versions;
use crate::host::ledger::{Entries, GenerationEntry, Phase, Transaction};
use crate::host::restore_point::{self, Stored};
use crate::machine::effect::Closed;

impl Inner {
    pub(super) fn rebuild_ledger(&mut self) -> Result<(), Failure> {
        let listing = restore_point::list(&self.points_dir())?;
        if listing.points.is_empty() && listing.damaged.is_empty() {
            return self.ledger.write(|_| {});
        }
        let mut entries = entries_from(&listing.points);
        // A restore point that cannot be read must not be overwritten by the next one.
        let last = listing.damaged.iter().map(|(id, _)| id + 1).max().unwrap_or_default();
        entries.next_point = entries.next_point.max(last);
        let found = listing.points.len();
        self.ledger.write(|ledger| *ledger = entries)?;
        self.ledger.report_damage(format!("the ledger was lost and was rebuilt from {found} restore points"));
        for (id, failure) in &listing.damaged {
            self.ledger.report_damage(format!("restore point {id} cannot be used: {}", failure.message));
        }
        Ok(())
    }
}

/// What restore points, newest first, say about the past.
fn entries_from(points: &[Stored]) -> Entries {
    let mut entries = Entries::default();
    for stored in points.iter().rev() {
        entries.next_point = entries.next_point.max(stored.point.id + 1);
        match (&stored.commit, &stored.undone) {
            (Some(_), None) if stored.undoing().ok().flatten().is_some() => {
                // A way back was under way; its points are taken again, newest first, below.
                entries.generations.push(generation_of(stored));
                entries.generation = Generation(stored.point.id);
            }
            (Some(commit), None) => {
                entries.generations.push(generation_of(stored));
                entries.generation = commit.generation;
                entries.closed.push_back(closed(stored, JobState::Committed));
            }
            (_, Some(_)) => {
                entries.closed.push_back(closed(stored, JobState::RolledBack));
                left_versions(stored).for_each(|denied| entries.deny(denied));
            }
            (None, None) => entries.open = Some(open(stored)),
        }
    }
    if let Some(undoing) = points.iter().find_map(|stored| stored.undoing().ok().flatten()) {
        entries.open = way_back(points, &undoing.points).or(entries.open);
    }
    entries
}

fn generation_of(stored: &Stored) -> GenerationEntry {
    let point = &stored.point;
    let describe = |captured: &restore_point::CapturedPackage| {
        let old = captured.old.as_ref().and_then(|old| old.version.as_ref()).map(ToString::to_string);
        let new = captured.new.as_ref().map(|new| new.version.to_string());
        match (old, new) {
            (Some(old), Some(new)) => format!("{} {old} → {new}", captured.package),
            (None, Some(new)) => format!("{} + {new}", captured.package),
            (Some(old), None) => format!("{} - {old}", captured.package),
            (None, None) => captured.package.to_string(),
        }
    };
    GenerationEntry {
        generation: Generation(point.id),
        parent: point.parent,
        job: point.job,
        committed_at: stored.commit.as_ref().map_or(point.taken_at, |commit| commit.committed_at),
        changes: point.packages.iter().map(describe).collect(),
        // Only the ledger knew; the server sees that no release is in force and decides anew.
        release: stored.point.bundle.as_ref().map(|bundle| bundle.version.clone()),
        closure: None,
        bundle: stored.point.bundle.clone(),
    }
}

fn request_of(stored: &Stored) -> Request {
    Request::Update {
        packages: stored.point.request.clone(),
        dry_run: false,
        approve: Vec::new(),
        release: None,
        bundle: None,
    }
}

fn closed(stored: &Stored, end: JobState) -> Closed {
    let point = &stored.point;
    let (generation, at) = match (&stored.commit, end) {
        (Some(commit), JobState::Committed) => (commit.generation, commit.committed_at),
        _ => (point.parent, stored.undone.as_ref().map_or(point.taken_at, |undone| undone.at)),
    };
    Closed {
        job: point.job,
        request: request_of(stored),
        end,
        reason: (end == JobState::RolledBack).then_some(Reason::Interrupted),
        message: "known from its restore point; the ledger was lost".to_owned(),
        generation,
        at,
        assignment: None,
    }
}

fn open(stored: &Stored) -> Transaction {
    Transaction {
        job: stored.point.job,
        request: request_of(stored),
        phase: Phase::Applying,
        plan: None,
        points: vec![stored.point.id],
        target: stored.point.parent,
        undos: 0,
        failed_undos: 0,
        verifications: 0,
        stuck: None,
        assignment: None,
        bundle: None,
        reboot: None,
    }
}

/// The way back that was under way when the ledger was lost.
fn way_back(points: &[Stored], ids: &[u64]) -> Option<Transaction> {
    let oldest = points.iter().find(|stored| Some(&stored.point.id) == ids.last())?;
    let newest = points.iter().find(|stored| Some(&stored.point.id) == ids.first())?;
    let committed = newest.commit.is_some();
    let because = Failure::new(Reason::Interrupted, "a way back was interrupted and the ledger was lost");
    Some(Transaction {
        // The job that asked to go back is not known any more; the next free number stands for it.
        job: match committed {
            true => JobId(points.iter().map(|stored| stored.point.job.0).max()? + 1),
            false => newest.point.job,
        },
        request: match committed {
            true => Request::Rollback { to: Some(oldest.point.parent), approve: Vec::new(), from: None },
            false => request_of(newest),
        },
        phase: Phase::RollingBack { because },
        plan: None,
        points: ids.to_vec(),
        target: oldest.point.parent,
        undos: 0,
        failed_undos: 0,
        verifications: 0,
        stuck: None,
        assignment: None,
        bundle: None,
        reboot: None,
    })
}
