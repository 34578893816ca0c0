//! The host acts, and never decides: apt, dpkg, the vault, restore points, the ledger.
//!
//! It runs inside the daemon's process on a sandbox root, and as a process of its own, as root, on a device. It is
//! synchronous: it does one thing at a time, and its callers give it a thread.

pub mod apt;
pub mod command;
#[cfg(test)]
mod cut_tests;
pub mod database;
pub mod device;
pub mod disk;
pub mod dpkg;
pub mod health;
pub mod hook;
pub mod ledger;
pub mod leftovers;
pub mod local;
pub mod marks;
pub mod mend;
pub mod remote;
pub mod restore_point;
pub mod rollback_file;
pub mod sealed;
pub mod serve;
pub mod settle;
pub mod stanza;
#[cfg(test)]
mod tiny;
pub mod tree;
pub mod undo;
pub mod vault;
pub mod wire;

use belay_protocol::Failure;
use belay_protocol::job::Progress;

use crate::machine::effect::{Effect, Inspected, Inspection, Outcome};

/// Whoever carries out effects: in this process, behind a socket, or in memory for tests.
pub trait Host: Send + Sync {
    /// Carries out one effect to its end. Idempotent: an effect that has a receipt is answered from it.
    fn perform(&self, effect: &Effect, progress: &dyn Fn(Progress)) -> Outcome;

    /// Answers a question that is no part of a job.
    fn inspect(&self, inspection: &Inspection) -> Result<Inspected, Failure>;

    /// Whether an effect goes on when its caller ends: the daemon may then stop at once.
    fn outlives_caller(&self) -> bool {
        false
    }
}
