//! What the engine looks at, as it is read from the store.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_protocol::admin::DeploymentStatus;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::domain::rollout::{Candidate, Situation, Tally, Working};
use crate::domain::{Assignment, Deployment};
use crate::service::Service;
use crate::store::assignments::{self, Offerable};
use crate::store::{StoreError, assignments::hold_devices};

/// When the store is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Moment {
    /// The present.
    pub(in crate::service) now: Timestamp,
    /// Since when a device must have been heard of: any other would hold a place for nothing.
    pub(in crate::service) heard_since: Timestamp,
}

impl Service {
    /// The present.
    pub(in crate::service) fn moment(&self) -> Moment {
        let now = self.clock.now();
        let patience = Duration::from_secs(self.options.devices.offline_after_s.into());
        Moment { now, heard_since: now.checked_sub(patience).unwrap_or(Timestamp::UNIX_EPOCH) }
    }
}

/// A deployment's devices.
#[derive(Debug)]
pub(super) struct Seen {
    tally: Tally,
    working: Vec<Working>,
    candidates: Vec<Candidate>,
    /// The candidates with everything that is known of them.
    pub(super) offerable: Vec<Offerable>,
}

impl Seen {
    /// Reads them.
    pub(super) async fn read(
        connection: &mut AnyConnection,
        deployment: &Deployment,
        moment: Moment,
    ) -> Result<Self, StoreError> {
        let tally = assignments::tally(connection, &deployment.id, moment.now).await?;
        let working = match tally.in_flight() + tally.retrying {
            0 => Vec::new(),
            _ => assignments::working(connection, &deployment.id, moment.heard_since).await?,
        };
        let places = u64::from(deployment.policy.max_in_flight).saturating_sub(tally.in_flight());
        let asks = deployment.status == DeploymentStatus::InProgress && tally.pending() > 0;
        let offerable = match places {
            1.. if asks => {
                assignments::candidates(connection, deployment, moment.now, moment.heard_since, places).await?
            }
            _ => Vec::new(),
        };
        let candidate = |offerable: &Offerable| Candidate {
            device: offerable.device.id.clone(),
            begun: offerable.assignment.begun,
        };
        let candidates = offerable.iter().map(candidate).collect();
        Ok(Self { tally, working: working.into_iter().map(at_work).collect(), candidates, offerable })
    }

    /// The same, and nobody else offers the candidates anything until the transaction ends.
    pub(super) async fn read_and_hold(
        connection: &mut AnyConnection,
        deployment: &Deployment,
        moment: Moment,
    ) -> Result<Self, StoreError> {
        let first = Self::read(connection, deployment, moment).await?;
        if first.offerable.is_empty() {
            return Ok(first);
        }
        let held: BTreeSet<_> = first.offerable.iter().map(|offerable| offerable.device.id.clone()).collect();
        hold_devices(connection, &held).await?;
        let mut seen = Self::read(connection, deployment, moment).await?;
        seen.candidates.retain(|candidate| held.contains(&candidate.device));
        Ok(seen)
    }

    /// What is decided on.
    pub(super) fn situation<'a>(&'a self, deployment: &'a Deployment, moment: Moment) -> Situation<'a> {
        Situation {
            deployment,
            tally: &self.tally,
            working: &self.working,
            candidates: &self.candidates,
            now: moment.now,
        }
    }
}

fn at_work(assignment: Assignment) -> Working {
    Working {
        device: assignment.device,
        status: assignment.status,
        begun: assignment.begun,
        offered_at: assignment.offered_at,
        started_at: assignment.started_at,
    }
}
