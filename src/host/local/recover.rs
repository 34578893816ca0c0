//! Recovery at the host's start: an open transaction is closed before and without the daemon.

use std::time::Duration;

use belay_protocol::{Failure, Reason};

use super::Inner;
use crate::host::health::systemd;
use crate::host::ledger::{Phase, Transaction};
use crate::machine::gate;
use crate::machine::guard::OWN_PACKAGE;
use crate::machine::rescue::Standing;

/// How long the device may take to start before it is judged nevertheless.
const BOOT: Duration = Duration::from_secs(10 * 60);

impl Inner {
    /// How the device stands, for whoever starts.
    pub(super) fn standing(&self) -> Result<Standing, Failure> {
        let Some(open) = &self.ledger.entries().open else { return Ok(Standing::Closed) };
        if let Some(stuck) = &open.stuck {
            return Ok(Standing::Stuck(stuck.clone()));
        }
        Ok(match open.phase {
            Phase::Opened | Phase::Planned | Phase::Fetched | Phase::Captured => Standing::Closed,
            Phase::Applying | Phase::RollingBack { .. } => Standing::Between,
            Phase::Applied if self.awaits_reboot(open)? => Standing::AwaitsReboot { of_agent: replaces_agent(open) },
            Phase::Applied => Standing::AwaitsVerdict,
            Phase::Verified | Phase::Committing => Standing::Judged,
        })
    }

    /// Takes back a change that nobody can judge any more.
    pub(super) fn take_back(&mut self, because: &Failure) -> Result<(), Failure> {
        let Some(open) = self.ledger.entries().open.clone() else { return Ok(()) };
        tracing::warn!(job.id = open.job.0, phase = ?open.phase, "taking the device back: {}", because.message);
        self.go_back(&open, because)
    }

    pub(super) fn recover(&mut self) {
        if let Err(failure) = self.clear_scratch() {
            tracing::warn!("what an interrupted script left is removed later: {}", failure.message);
        }
        let Some(open) = self.ledger.entries().open.clone() else { return };
        if open.stuck.is_some() || !open.phase.touches() {
            return;
        }
        tracing::warn!(job.id = open.job.0, phase = ?open.phase, "a job was interrupted; closing it");
        let closed = match &open.phase {
            Phase::Opened | Phase::Planned | Phase::Fetched | Phase::Captured => return,
            Phase::Applying => {
                let message = "the update was interrupted while the device was being changed";
                self.go_back(&open, &Failure::new(Reason::Interrupted, message))
            }
            Phase::RollingBack { because } => self.go_back(&open, because),
            // The daemon has it started again, in a window.
            Phase::Applied if self.awaits_reboot(&open).unwrap_or(false) => return,
            Phase::Applied => self.judging(|inner| inner.judge(&open)),
            Phase::Verified | Phase::Committing => {
                self.commit(open.job).map(drop).or_else(|failure| self.go_back(&open, &failure))
            }
        };
        if let Err(failure) = closed {
            tracing::error!(job.id = open.job.0, "recovery did not reach the old state: {}", failure.message);
        }
    }

    /// Looks again at a device whose update was applied and not judged.
    fn judge(&mut self, open: &Transaction) -> Result<(), Failure> {
        // Units that have had no time to start are no sign of health, nor of the want of it.
        if systemd::runs(self.device.root()) {
            systemd::wait_for_boot(BOOT);
        }
        let verdict = self.verify(open.job, &|_, _| {}).map(|health| gate::judge(&health));
        match verdict {
            Ok(gate::Verdict::Healthy { .. }) => {
                self.commit(open.job).map(drop).or_else(|failure| self.go_back(open, &failure))
            }
            Ok(gate::Verdict::Unhealthy { causes, .. }) => {
                self.go_back(open, &Failure::new(Reason::Unhealthy, causes.join("; ")))
            }
            Err(failure) => self.go_back(open, &failure),
        }
    }

    fn go_back(&mut self, open: &Transaction, because: &Failure) -> Result<(), Failure> {
        loop {
            let result = self.roll_back(open.job, because, &|_, _| {}).map(drop);
            let over = self.ledger.entries().open.as_ref().is_none_or(|open| open.stuck.is_some());
            match result {
                // Every other failure is counted in the ledger and ends in `stuck`; a busy lock is waited for.
                Err(failure) if failure.reason == Reason::LockTimeout && !over => {
                    tracing::warn!(job.id = open.job.0, "going back waits: {}", failure.message);
                }
                Err(failure) if failure.reason == Reason::State => return Err(failure),
                Err(_) if !over => {}
                result => return result,
            }
        }
    }
}

/// Whether an update brings another version of this program.
fn replaces_agent(open: &Transaction) -> bool {
    let changes = open.plan.iter().flat_map(|plan| &plan.changes);
    changes.into_iter().any(|change| change.package.name().as_str() == OWN_PACKAGE)
}
