//! Whether the disk can hold a way back; told before anything is touched.

use belay_protocol::{Failure, Reason};

use super::Inner;
use crate::host::device::{Inventory, Transaction};
use crate::host::restore_point::Stored;
use crate::host::{disk, undo};

/// Bytes that dpkg's database, apt and our own records take on any way back.
const RECORDS: u64 = 8 << 20;

impl Inner {
    /// Refuses a way back for which the disk has no room. An update that has to be undone had its room kept; of a
    /// generation that was committed nothing is kept, because it may never be gone back from.
    pub(super) fn refuse_without_space(
        &self,
        points: &[Stored],
        transaction: &Transaction,
        inventory: &Inventory,
    ) -> Result<(), Failure> {
        let root = self.device.root();
        let needed = needed(points, transaction, inventory);
        // What is not known is no reason to refuse.
        let free = disk::free_bytes(root).unwrap_or(u64::MAX);
        if needed <= free {
            return Ok(());
        }
        let message = format!(
            "the disk has {} MB free and going back needs {} MB; free {} MB, for instance with `apt-get clean` or \
             `journalctl --vacuum-size=50M`, then ask for the rollback again",
            free >> 20,
            needed.div_ceil(1 << 20),
            (needed - free).div_ceil(1 << 20)
        );
        Err(Failure::new(Reason::NoSpace, message))
    }
}

/// The largest package stands beside what it replaces for a moment, and the old versions may take more than the new.
fn needed(points: &[Stored], transaction: &Transaction, inventory: &Inventory) -> u64 {
    let bare: Vec<_> = points.iter().map(|stored| &stored.point).collect();
    let targets = undo::targets(&bare);
    let (mut largest, mut old, mut new) = (0_u64, 0_u64, 0_u64);
    for archive in &transaction.install {
        let captured = targets.get(&archive.package).and_then(|(_, captured)| captured.old.as_ref());
        let size = captured.map_or(0, |old| old.installed_kib.saturating_mul(1024));
        let now = inventory.packages.get(&archive.package).map_or(0, |now| now.installed_kib.saturating_mul(1024));
        largest = largest.max(size);
        old = old.saturating_add(size);
        new = new.saturating_add(now);
    }
    RECORDS.saturating_add(largest).saturating_add(old.saturating_sub(new))
}
