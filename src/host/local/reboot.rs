//! Starting the device again in the middle of a job: ordered once it was noted, judged when it is up.

use belay_protocol::job::JobId;
use belay_protocol::{Failure, Reason};

use super::Inner;
use crate::host::ledger::{PendingReboot, Phase, Transaction};
use crate::machine::effect::Reboot;

/// How often a restart is ordered before it is given up. The daemon asks every half minute, and services may take
/// minutes to stop.
const ORDERS: u32 = 40;

impl Inner {
    pub(super) fn reboot(&mut self, job: JobId) -> Result<Reboot, Failure> {
        if self.ledger.verdict(job).is_some() {
            return Ok(Reboot::Done);
        }
        let open = self.ledger.transaction(job)?.clone();
        let pending = match (&open.phase, open.reboot) {
            (Phase::Applied, Some(pending)) => pending,
            (Phase::Applied | Phase::Verified | Phase::Committing, _) => return Ok(Reboot::Done),
            (
                Phase::Opened
                | Phase::Planned
                | Phase::Fetched
                | Phase::Captured
                | Phase::Applying
                | Phase::RollingBack { .. },
                _,
            ) => {
                let message = "the update was interrupted while the device was being changed";
                return Err(Failure::new(Reason::Interrupted, message));
            }
        };
        if self.device.boot_id()? != pending.boot {
            return Ok(Reboot::Done);
        }
        if pending.orders >= ORDERS {
            let message = format!("the device was told {ORDERS} times to start again, and did not");
            return Err(Failure::new(Reason::RebootFailed, message));
        }
        self.ledger.write(|entries| {
            if let Some(pending) = entries.open.as_mut().and_then(|open| open.reboot.as_mut()) {
                pending.orders += 1;
            }
        })?;
        self.device.reboot()?;
        Ok(Reboot::Ordered)
    }

    /// What the open transaction still needs before it can be judged.
    pub(super) fn pending(&self, why: Option<String>) -> Result<Option<PendingReboot>, Failure> {
        why.map(|why| Ok(PendingReboot { why, boot: self.device.boot_id()?, orders: 0 })).transpose()
    }

    /// Whether the change waits for a start of the device that was not yet.
    pub(super) fn awaits_reboot(&self, open: &Transaction) -> Result<bool, Failure> {
        match &open.reboot {
            Some(pending) => Ok(self.device.boot_id()? == pending.boot),
            None => Ok(false),
        }
    }

    /// Starts the device again where a way back left it running what is no longer on its disk. Returns what a person must
    /// do where that fails.
    pub(super) fn reboot_after_undo(&self, was_rebooted: bool) -> Option<String> {
        let failed = was_rebooted.then(|| self.device.reboot().err()).flatten()?;
        Some(format!("the old state is on the disk, but the new one still runs: {}", failed.message))
    }
}
