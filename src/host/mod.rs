//! The host acts, and never decides: apt, dpkg, the vault, restore points, the ledger.
//!
//! It runs inside the daemon's process on a sandbox root, and as a process of its own, as root, on a device. It is
//! synchronous: it does one thing at a time, and its callers give it a thread.

pub mod apt;
pub mod boot;
pub mod bundle;
pub mod command;
#[cfg(test)]
mod cut_tests;
pub mod database;
pub mod device;
pub mod disk;
pub mod dpkg;
pub mod guard;
pub mod health;
pub mod hook;
pub mod ledger;
pub mod leftovers;
pub mod local;
pub mod marks;
pub mod mend;
pub mod own_program;
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

use std::io::{self, Read};

use belay_protocol::Failure;
use belay_protocol::job::Progress;

use crate::machine::effect::{Arrived, Effect, Inspected, Inspection, Outcome};

/// A bundle's archive that can be read again from its beginning, where a host that took half of it is gone.
pub trait Content: Read {
    /// Goes back to the first byte.
    ///
    /// # Errors
    /// There is nothing more to be had.
    fn begin_again(&mut self) -> io::Result<()>;
}

impl<T: AsRef<[u8]>> Content for io::Cursor<T> {
    fn begin_again(&mut self) -> io::Result<()> {
        self.set_position(0);
        Ok(())
    }
}

/// Whoever carries out effects: in this process, behind a socket, or in memory for tests.
pub trait Host: Send + Sync {
    /// Carries out one effect to its end. Idempotent: an effect that has a receipt is answered from it.
    fn perform(&self, effect: &Effect, progress: &dyn Fn(Progress)) -> Outcome;

    /// Takes a bundle: reads its archive from `content`, hashing and unpacking it on the way, and believes nothing of it
    /// before digest, size and signature are right. Reads nothing where the bundle is on the device already. The daemon
    /// reports its own progress, because it knows how much is to come.
    fn receive(&self, download: &Effect, content: &mut dyn Content) -> Result<Arrived, Failure>;

    /// Answers a question that is no part of a job.
    fn inspect(&self, inspection: &Inspection) -> Result<Inspected, Failure>;

    /// Whether an effect goes on when its caller ends: the daemon may then stop at once.
    fn outlives_caller(&self) -> bool {
        false
    }
}
