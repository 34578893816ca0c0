//! What the servers promised, written down by those who were promised it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use belay_protocol::sync::Report;
use belay_protocol::{Closure, DeploymentId, DeviceId};

/// The book, shared by devices, operator and judge.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Pages>);

/// What is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    /// What each device sent, by number from 1: acknowledged as far as `acknowledged` says.
    pub(super) sent: BTreeMap<DeviceId, Vec<Report>>,
    /// The last number of each device that a server acknowledged.
    pub(super) acknowledged: BTreeMap<DeviceId, u64>,
    /// How often an operator asked for something, by action and target.
    pub(super) asked: BTreeMap<(String, String), u64>,
    /// What was answered with success.
    pub(super) granted: BTreeSet<(String, String)>,
    /// The numbers of the tags that each device was to get, in order, and the last that was granted.
    pub(super) tags: BTreeMap<DeviceId, (Vec<u64>, Option<u64>)>,
    /// The closure of each deployment, as offered.
    pub(super) closures: BTreeMap<DeploymentId, Closure>,
    /// Deployments that reached their end, and whether they were cancelled.
    pub(super) ended: BTreeMap<DeploymentId, bool>,
    /// Deployments that were under way when a server was killed.
    pub(super) cut: BTreeSet<DeploymentId>,
    /// The deployment under way.
    pub(super) under_way: Option<DeploymentId>,
    /// What must not happen and did.
    pub(super) wrong: Vec<String>,
}

impl Book {
    pub(super) fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wrong(&self, what: String) {
        self.open().wrong.push(what);
    }
}

impl Pages {
    /// An operator is about to ask for something.
    pub(super) fn ask(&mut self, action: &str, target: &str) {
        *self.asked.entry((action.to_owned(), target.to_owned())).or_default() += 1;
    }

    /// A server said that it is done.
    pub(super) fn grant(&mut self, action: &str, target: &str) {
        self.granted.insert((action.to_owned(), target.to_owned()));
    }

    /// How many reports are acknowledged.
    pub(super) fn reports(&self) -> u64 {
        self.acknowledged.values().sum()
    }
}
