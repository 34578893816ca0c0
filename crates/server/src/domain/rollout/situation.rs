//! What a decision is made on.

use belay_protocol::DeviceId;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::progress::{DEADLINE, OFFLINE};
use crate::domain::{AssignmentStatus, Deployment};

/// Everything that [`decide`](super::decide()) looks at.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// How its devices stand.
    pub tally: &'a Tally,
    /// Its devices in flight, and those that are to be tried again and are not reachable.
    pub working: &'a [Working],
    /// Devices that could be offered it now, in their order.
    pub candidates: &'a [Candidate],
    /// The present.
    pub now: Timestamp,
}

/// How a deployment's devices stand: each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pending, never begun, and free to be offered it.
    pub waiting: u64,
    /// Pending, never begun, and not to be offered it before an instant to come.
    pub deferred: u64,
    /// Pending although it began before: it keeps its place, whether or not it may be offered it already.
    pub retrying: u64,
    /// Offered.
    pub offered: u64,
    /// Downloading.
    pub downloading: u64,
    /// Installing.
    pub installing: u64,
    /// Verifying.
    pub verifying: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Rolled back.
    pub rolled_back: u64,
    /// Silent.
    pub silent: u64,
    /// Skipped because the deadline passed before they were reached: no sample, and no success either.
    pub unreached: u64,
    /// Skipped for any other reason: neither sample nor failure.
    pub skipped: u64,
}

impl Tally {
    /// All devices.
    pub fn total(&self) -> u64 {
        self.targets() + self.unreached + self.skipped
    }

    /// All devices that it is meant to reach: what waves are a part of.
    pub fn targets(&self) -> u64 {
        self.waiting + self.deferred + self.begun()
    }

    /// Devices that are to be offered it, now or later.
    pub fn pending(&self) -> u64 {
        self.waiting + self.deferred + self.retrying
    }

    /// Devices that have it now.
    pub fn in_flight(&self) -> u64 {
        self.offered + self.downloading + self.installing + self.verifying
    }

    /// Devices that hold a place in the open waves.
    pub fn begun(&self) -> u64 {
        self.retrying + self.in_flight() + self.finished()
    }

    /// Devices that came to an end, good or bad.
    pub fn finished(&self) -> u64 {
        self.completed + self.failures()
    }

    /// Devices that came to a bad end.
    pub fn failures(&self) -> u64 {
        self.failed + self.rolled_back + self.silent
    }

    /// The counts, as they are stored with a decision.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "waiting": self.waiting,
            "deferred": self.deferred,
            "retrying": self.retrying,
            "offered": self.offered,
            "downloading": self.downloading,
            "installing": self.installing,
            "verifying": self.verifying,
            "completed": self.completed,
            "failed": self.failed,
            "rolled_back": self.rolled_back,
            "silent": self.silent,
            "unreached": self.unreached,
            "skipped": self.skipped,
        })
    }

    /// Counts one device.
    pub fn count(
        &mut self,
        status: AssignmentStatus,
        begun: bool,
        reason: Option<&str>,
        not_before: Option<Timestamp>,
        now: Timestamp,
    ) {
        let bucket = match status {
            AssignmentStatus::Pending if begun => &mut self.retrying,
            AssignmentStatus::Pending if not_before.is_some_and(|instant| instant > now) => &mut self.deferred,
            AssignmentStatus::Pending => &mut self.waiting,
            AssignmentStatus::Offered => &mut self.offered,
            AssignmentStatus::Downloading => &mut self.downloading,
            AssignmentStatus::Installing => &mut self.installing,
            AssignmentStatus::Verifying => &mut self.verifying,
            AssignmentStatus::Completed => &mut self.completed,
            AssignmentStatus::Failed => &mut self.failed,
            AssignmentStatus::RolledBack => &mut self.rolled_back,
            AssignmentStatus::Silent => &mut self.silent,
            AssignmentStatus::Skipped if reason.is_some_and(is_unreached) => &mut self.unreached,
            AssignmentStatus::Skipped => &mut self.skipped,
        };
        *bucket += 1;
    }
}

/// Whether this is why a device was given up that never had its turn.
fn is_unreached(reason: &str) -> bool {
    [OFFLINE, DEADLINE].contains(&reason)
}

/// A device in flight; or one that began, is pending again and is not reachable, or a wave would wait for it for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// The device.
    pub device: DeviceId,
    /// Where it stands.
    pub status: AssignmentStatus,
    /// Whether it ever began, at this attempt or an earlier one.
    pub begun: bool,
    /// When the attempt was offered.
    pub offered_at: Option<Timestamp>,
    /// When the device first reported on the attempt.
    pub started_at: Option<Timestamp>,
}

/// A device that could be offered the deployment now: pending, reachable, authorised, held by no other deployment, and
/// past its `not_before`.
///
/// They are ordered by attempt, then rank: whoever puts it off again and again does not keep others from their turn.
/// As many as `max_in_flight` of those that began before, and as many of the others, are enough; one kind must not
/// crowd out the other, or a full wave waits for ever for a retry that never makes the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The device.
    pub device: DeviceId,
    /// Whether it began before: it has its place already.
    pub begun: bool,
}

#[cfg(test)]
mod tests;
