//! The journal: the machine's memory on the disk. The truth about who asked and what was answered, nothing more;
//! lost, it is rebuilt from the host's ledger.

use std::path::Path;

use crate::durable::{Slots, SlotsError};
use crate::failpoint;
use crate::machine::state::State;

/// The journal on the disk.
#[derive(Debug)]
pub struct Journal {
    slots: Slots,
}

/// Bytes of one slot; two of them are preallocated. The largest list (1 MiB), its plan, 64 ended jobs and all keys fit.
const CAPACITY: u64 = 4 << 20;

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["journal.write.before", "journal.write.after"];

impl Journal {
    /// Opens or makes the journal in `folder`; gives the newest state and the damage found. A new one begins an outbox
    /// with a name of its own.
    pub fn open(folder: &Path) -> Result<(Self, State, Vec<String>), SlotsError> {
        Self::open_sized(folder, CAPACITY)
    }

    /// The same with slots of `capacity` bytes.
    pub(crate) fn open_sized(folder: &Path, capacity: u64) -> Result<(Self, State, Vec<String>), SlotsError> {
        let opened = Slots::open::<State>(folder, "journal", capacity)?;
        let mut state = opened.value.unwrap_or_default();
        if state.outbox.id.is_empty() {
            // Durable with the first state that is written, before any report of this outbox can be sent.
            state.outbox.id = random_name().map_err(|source| SlotsError::Io {
                operation: "read random bytes for",
                path: folder.to_path_buf(),
                source,
            })?;
        }
        Ok((Self { slots: opened.slots }, state, opened.damage))
    }

    /// Makes `state` durable.
    pub fn write(&mut self, state: &State) -> Result<(), SlotsError> {
        failpoint!("journal.write.before");
        self.slots.persist(state)?;
        failpoint!("journal.write.after");
        Ok(())
    }
}

/// A name that no other outbox has: 128 random bits.
fn random_name() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
