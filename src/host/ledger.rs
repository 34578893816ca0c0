//! The ledger: the truth about what Belay did to this device. Root's own, written before and after every effect.
//!
//! Its value is one small snapshot: the open transaction with the last intent or receipt, the generations, the
//! verdicts of closed transactions. Lost, it is rebuilt from the restore points' folders.

mod bundle;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use belay_protocol::bundle::BundleOrder;
use belay_protocol::job::{Generation, JobId, JobState, Request};
use belay_protocol::local::GenerationView;
use belay_protocol::plan::Plan;
use belay_protocol::sync::AssignmentRef;
use belay_protocol::{Closure, Failure, PackageList, Reason, ReleaseOrder, ReleaseVersion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable::{Slots, SlotsError};
use crate::failpoint;
use crate::machine::effect::{Closed, Denied, OpenTransaction, Survey};

pub use bundle::{BundlePart, PendingReboot, Protection};

/// The ledger on the disk, with its newest value.
#[derive(Debug)]
pub struct Ledger {
    slots: Slots,
    entries: Entries,
    damage: Vec<String>,
}

/// What the ledger holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entries {
    /// The version of this format; an older program refuses a newer one by name.
    pub format: u32,
    /// The generation in force.
    pub generation: Generation,
    /// All that are known, oldest first; the state before the first update is not among them.
    pub generations: Vec<GenerationEntry>,
    /// The transaction that is not closed.
    pub open: Option<Transaction>,
    /// Verdicts, oldest first, at most `CLOSED_REMEMBERED`.
    pub closed: VecDeque<Closed>,
    /// Versions that this device went back from, oldest first.
    pub denied: VecDeque<Denied>,
    /// The bundle that was in force before the oldest generation that is known, where that was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_bundle: Option<BundlePart>,
    /// Bundles that this device went back from, oldest first.
    #[serde(default)]
    pub denied_releases: VecDeque<ReleaseVersion>,
    /// The number of the next restore point, which is that of the generation that it makes way for.
    pub next_point: u64,
    /// Releases that changed nothing, oldest first, at most `MARKS_REMEMBERED`.
    #[serde(default)]
    pub marks: Vec<ReleaseMark>,
}

/// A generation made by a committed update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationEntry {
    /// Its number, and that of the restore point that leads back from it.
    pub generation: Generation,
    /// Where that restore point leads.
    pub parent: Generation,
    /// The job that made it.
    pub job: JobId,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// What it changed, a line a package.
    pub changes: Vec<String>,
    /// The release that its update was ordered as, where a server ordered it, or the version of its bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseVersion>,
    /// What its update resolved to; none where the ledger could not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
    /// The bundle that its update installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundlePart>,
}

/// A release that was ordered when the device already was as it asks: it is in force from then on, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseMark {
    /// The generation that was in force, and still is.
    pub generation: Generation,
    /// The release.
    pub release: ReleaseVersion,
    /// What it asks for; none where the ledger could not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
}

/// A transaction that is not closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its job.
    pub job: JobId,
    /// What the job was asked to do.
    pub request: Request,
    /// The last intent or receipt.
    pub phase: Phase,
    /// The transaction as resolved.
    pub plan: Option<Plan>,
    /// The restore points that going back needs, newest first.
    pub points: Vec<u64>,
    /// The generation that going back reaches.
    pub target: Generation,
    /// How often going back was begun. Counted before it begins, so that one that takes the device down counts too.
    #[serde(default)]
    pub undos: u32,
    /// How often going back ended in a failure.
    #[serde(default)]
    pub failed_undos: u32,
    /// How often the health gate was begun, counted likewise.
    #[serde(default)]
    pub verifications: u32,
    /// Why the host gave up on it.
    pub stuck: Option<Failure>,
    /// Whose part in a deployment it is, where a server asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentRef>,
    /// The bundle that it installs, and how that is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundlePart>,
    /// The restart of the device that its change needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot: Option<PendingReboot>,
}

/// The last intent or receipt of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Begun; nothing is changed.
    Opened,
    /// Receipt of planning.
    Planned,
    /// Receipt of fetching.
    Fetched,
    /// Receipt of capturing.
    Captured,
    /// Intent to change the device. Without a later receipt, what was done is unknown.
    Applying,
    /// Receipt of applying.
    Applied,
    /// Receipt of the health gate: the device is healthy.
    Verified,
    /// Intent to commit.
    Committing,
    /// Intent to go back.
    RollingBack {
        /// Why.
        because: Failure,
    },
}

impl Phase {
    /// Whether the device may have been changed.
    pub fn touches(&self) -> bool {
        match self {
            Self::Opened | Self::Planned | Self::Fetched | Self::Captured => false,
            Self::Applying | Self::Applied | Self::Verified | Self::Committing | Self::RollingBack { .. } => true,
        }
    }
}

/// Bytes of one slot; two of them are preallocated.
const CAPACITY: u64 = 2 << 20;

/// How many verdicts are remembered.
const CLOSED_REMEMBERED: usize = 64;

/// How many packages of a closed transaction's list are remembered; a longer list is forgotten whole.
const LISTED_REMEMBERED: usize = 50;

/// How many versions gone back from are remembered.
const DENIED_REMEMBERED: usize = 256;

/// How many releases that changed nothing are remembered.
const MARKS_REMEMBERED: usize = 16;

/// The format that this program writes.
const FORMAT: u32 = 1;

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["ledger.write.before", "ledger.write.after"];

impl Default for Entries {
    fn default() -> Self {
        Self {
            format: FORMAT,
            generation: Generation::default(),
            generations: Vec::new(),
            open: None,
            closed: VecDeque::new(),
            denied: VecDeque::new(),
            base_bundle: None,
            denied_releases: VecDeque::new(),
            next_point: 1,
            marks: Vec::new(),
        }
    }
}

impl Ledger {
    /// Opens or makes the ledger in `folder`. `None` as entries means that there was none, or none that could be read.
    pub fn open(folder: &Path) -> Result<(Self, bool), Failure> {
        let opened = Slots::open::<Entries>(folder, "ledger", CAPACITY).map_err(failed)?;
        let found = opened.value.is_some();
        let entries = opened.value.unwrap_or_default();
        if entries.format > FORMAT {
            let message = format!(
                "the ledger was written by a newer belay-agent (format {}, this one knows {FORMAT}); install that one again",
                entries.format
            );
            return Err(Failure::new(Reason::State, message));
        }
        Ok((Self { slots: opened.slots, entries, damage: opened.damage }, found))
    }

    /// The newest entries.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The open transaction of that job.
    pub fn transaction(&self, job: JobId) -> Result<&Transaction, Failure> {
        self.entries
            .open
            .as_ref()
            .filter(|open| open.job == job)
            .ok_or_else(|| Failure::new(Reason::State, format!("the ledger holds no open transaction of job {job}")))
    }

    /// The verdict on that job, where it was closed.
    pub fn verdict(&self, job: JobId) -> Option<&Closed> {
        self.entries.closed.iter().rev().find(|closed| closed.job == job)
    }

    /// Changes the entries, durably: in memory only once the disk has them.
    pub fn write(&mut self, change: impl FnOnce(&mut Entries)) -> Result<(), Failure> {
        let mut entries = self.entries.clone();
        change(&mut entries);
        while entries.closed.len() > CLOSED_REMEMBERED {
            entries.closed.pop_front();
        }
        while entries.denied.len() > DENIED_REMEMBERED {
            entries.denied.pop_front();
        }
        while entries.denied_releases.len() > DENIED_REMEMBERED {
            entries.denied_releases.pop_front();
        }
        entries.forget_marks();
        failpoint!("ledger.write.before");
        let mut written = self.slots.persist(&entries);
        // Closures and old verdicts are for telling; the open transaction is for safety, and has all the room.
        for forget in [Entries::forget_old_closures, Entries::forget_closures, Entries::forget_verdicts] {
            if matches!(written, Err(SlotsError::TooLarge { .. })) {
                forget(&mut entries);
                written = self.slots.persist(&entries);
            }
        }
        written.map_err(failed)?;
        self.entries = entries;
        failpoint!("ledger.write.after");
        Ok(())
    }

    /// Writes the open transaction's next intent or receipt.
    pub fn enter(&mut self, phase: Phase) -> Result<(), Failure> {
        self.write(|entries| {
            if let Some(open) = &mut entries.open {
                open.phase = phase;
            }
        })
    }

    /// Closes the open transaction with its verdict.
    pub fn close(&mut self, mut closed: Closed, change: impl FnOnce(&mut Entries)) -> Result<(), Failure> {
        closed.request = without_long_list(closed.request);
        self.write(|entries| {
            change(entries);
            entries.open = None;
            entries.closed.push_back(closed);
        })
    }

    /// Adds a sentence to what the next survey reports as damage.
    pub fn report_damage(&mut self, sentence: String) {
        self.damage.push(sentence);
    }

    /// What the daemon is told.
    pub fn survey(&self) -> Survey {
        let entries = &self.entries;
        Survey {
            generation: entries.generation,
            generations: entries.views(),
            open: entries.open.as_ref().map(|open| OpenTransaction {
                job: open.job,
                request: open.request.clone(),
                touched: open.phase.touches(),
                stuck: open.stuck.clone(),
                assignment: open.assignment.clone(),
                awaits_reboot: open.phase == Phase::Applied && open.reboot.is_some(),
            }),
            closed: entries.closed.iter().cloned().collect(),
            damage: self.damage.clone(),
        }
    }
}

impl Entries {
    /// The generation of that number, unless it is the state before the first update.
    pub fn find(&self, generation: Generation) -> Option<&GenerationEntry> {
        self.generations.iter().find(|entry| entry.generation == generation)
    }

    /// The generations from the one in force back to the first, newest first.
    pub fn way_back(&self) -> Vec<&GenerationEntry> {
        let mut way: Vec<&GenerationEntry> = Vec::new();
        let mut at = self.generation;
        while let Some(entry) = self.find(at).filter(|_| way.len() < self.generations.len()) {
            way.push(entry);
            at = entry.parent;
        }
        way
    }

    /// The newest bundle on the way back: the one whose files are on the device.
    pub fn bundle_in_force(&self) -> Option<&BundlePart> {
        self.way_back().into_iter().find_map(|entry| entry.bundle.as_ref()).or(self.base_bundle.as_ref())
    }

    /// Forgets generations that nobody can go back to any more, but not which bundle is on the device.
    pub fn drop_generations(&mut self, dropped: &[u64]) {
        let in_force = self.bundle_in_force().cloned();
        self.generations.retain(|entry| !dropped.contains(&entry.generation.0));
        if self.bundle_in_force().is_none() {
            self.base_bundle = in_force;
        }
    }

    /// Remembers that the device went back from a bundle.
    pub fn deny_release(&mut self, release: ReleaseVersion) {
        self.denied_releases.retain(|known| *known != release);
        self.denied_releases.push_back(release);
    }

    /// The release in force and what belongs to it: of the last mark on the generation in force, else of its update.
    pub fn in_force(&self) -> (Option<&ReleaseVersion>, Option<&Closure>) {
        if let Some(mark) = self.mark_in_force() {
            return (Some(&mark.release), mark.closure.as_ref());
        }
        let entry = self.find(self.generation);
        (entry.and_then(|entry| entry.release.as_ref()), entry.and_then(|entry| entry.closure.as_ref()))
    }

    /// The release in force, where it changed nothing.
    pub fn mark_in_force(&self) -> Option<&ReleaseMark> {
        self.marks.iter().rev().find(|mark| mark.generation == self.generation)
    }

    /// Marks the generation in force with a release that the device already was as; once.
    pub fn mark(&mut self, release: ReleaseVersion, closure: Closure) {
        if self.in_force().0 == Some(&release) {
            return;
        }
        self.marks.push(ReleaseMark { generation: self.generation, release, closure: Some(closure) });
    }

    /// Drops the last mark on the generation in force.
    pub fn unmark(&mut self) {
        if let Some(last) = self.marks.iter().rposition(|mark| mark.generation == self.generation) {
            self.marks.remove(last);
        }
    }

    /// A mark stands on a generation that is there.
    fn forget_marks(&mut self) {
        let known: BTreeSet<Generation> = self.generations.iter().map(|entry| entry.generation).collect();
        self.marks.retain(|mark| mark.generation == Generation::default() || known.contains(&mark.generation));
        let beyond = self.marks.len().saturating_sub(MARKS_REMEMBERED);
        self.marks.drain(..beyond);
    }

    fn forget_old_closures(&mut self) {
        let generation = self.generation;
        self.generations
            .iter_mut()
            .filter(|entry| entry.generation != generation)
            .for_each(|entry| entry.closure = None);
        self.marks.iter_mut().filter(|mark| mark.generation != generation).for_each(|mark| mark.closure = None);
    }

    fn forget_closures(&mut self) {
        self.generations.iter_mut().for_each(|entry| entry.closure = None);
        self.marks.iter_mut().for_each(|mark| mark.closure = None);
    }

    /// Forgets verdicts but the last, which may be the one that nobody heard yet.
    fn forget_verdicts(&mut self) {
        self.closed.drain(..self.closed.len().saturating_sub(1));
    }

    fn release_of(&self, generation: Generation) -> Option<ReleaseVersion> {
        let mark = self.marks.iter().rev().find(|mark| mark.generation == generation).map(|mark| &mark.release);
        mark.or_else(|| self.find(generation)?.release.as_ref()).cloned()
    }

    /// Remembers that the device went back from a version.
    pub fn deny(&mut self, denied: Denied) {
        self.denied.retain(|known| *known != denied);
        self.denied.push_back(denied);
    }

    fn views(&self) -> Vec<GenerationView> {
        let way = self.way_back();
        let first = GenerationView {
            generation: Generation::default(),
            parent: None,
            current: self.generation == Generation::default(),
            reachable: way.last().is_some_and(|oldest| oldest.parent == Generation::default()),
            job: None,
            committed_at: None,
            changes: Vec::new(),
            release: self.release_of(Generation::default()),
        };
        let reachable = |generation| way.iter().any(|entry| entry.parent == generation);
        let made = self.generations.iter().rev().map(|entry| GenerationView {
            generation: entry.generation,
            parent: Some(entry.parent),
            current: self.generation == entry.generation,
            reachable: reachable(entry.generation),
            job: Some(entry.job),
            committed_at: Some(entry.committed_at),
            changes: entry.changes.clone(),
            release: self.release_of(entry.generation),
        });
        made.chain([first]).collect()
    }
}

/// A verdict on a transaction.
pub fn verdict(
    transaction: &Transaction,
    end: JobState,
    because: Option<Failure>,
    generation: Generation,
    at: Timestamp,
) -> Closed {
    let (reason, message) = match because {
        Some(failure) if failure.reason == Reason::Requested => (None, failure.message),
        Some(failure) => (Some(failure.reason), failure.message),
        None => (None, String::new()),
    };
    let request = transaction.request.clone();
    let assignment = transaction.assignment.clone();
    Closed { job: transaction.job, request, end, reason, message, generation, at, assignment }
}

/// A request as a verdict remembers it: who reads it later wants to know what it was, not five thousand lines.
fn without_long_list(request: Request) -> Request {
    match request {
        Request::Update { packages, dry_run, approve, release, bundle } => {
            let packages = if packages.specs().len() > LISTED_REMEMBERED { PackageList::default() } else { packages };
            let release = release.map(|order| ReleaseOrder { closure: None, manifest: None, ..order });
            let bundle = bundle.map(|order| Box::new(BundleOrder { manifest: None, ..*order }));
            Request::Update { packages, dry_run, approve, release, bundle }
        }
        rollback @ Request::Rollback { .. } => rollback,
    }
}

fn failed(error: SlotsError) -> Failure {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    Failure::new(Reason::State, format!("the ledger could not be written or read: {error}{source}"))
}
