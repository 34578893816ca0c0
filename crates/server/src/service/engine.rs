//! The engine: looks at every deployment, lets `domain` decide, writes the decisions down and carries them out.
//!
//! Any number of servers may do so on one database. Who decides first moves the deployment's revision on; the others
//! find that what they read no longer holds, and leave it.

mod carry;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use belay_protocol::DeploymentId;
use sqlx::AnyConnection;
use tokio::sync::{Notify, watch};

pub(super) use carry::{carry, record};
pub(super) use seen::Moment;

use self::seen::Seen;
use super::{Service, ServiceError};
use crate::clock;
use crate::domain::Deployment;
use crate::domain::rollout::{Decision, apply, decide};
use crate::store::assignments::{self, Open};
use crate::store::{StoreError, deployments};

/// What one look at everything led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tick {
    /// What was decided, in order.
    pub decisions: Vec<(DeploymentId, Decision)>,
}

impl Service {
    /// Looks at every deployment once and carries out what follows. With none, it is one query.
    pub async fn tick(&self) -> Result<Tick, ServiceError> {
        let moment = self.moment();
        let unsettled = self.store.read(|connection| Box::pin(deployments::unsettled(connection))).await?;
        let mut tick = Tick::default();
        for deployment in unsettled {
            let id = deployment.id.clone();
            match self.settle(deployment, moment).await {
                Ok(decisions) => {
                    for decision in decisions {
                        self.stats.decisions.count(decision.act.word());
                        tracing::info!(deployment = %id, decision = decision.act.word(), "{}", decision.reason);
                        tick.decisions.push((id.clone(), decision));
                    }
                }
                Err(StoreError::Stale) => tracing::debug!(deployment = %id, "somebody else decided"),
                // One that cannot be read must not stop the others.
                Err(error) => tracing::error!(deployment = %id, %error, "the deployment could not be decided about"),
            }
        }
        if !tick.decisions.is_empty() {
            self.refresh_orders().await;
        }
        Ok(tick)
    }

    /// Ticks at once, then each second and when kicked, until `shutdown` turns true or its other end is gone. A tick that
    /// began is brought to its end.
    pub async fn run_engine(self, mut shutdown: watch::Receiver<bool>, kick: Arc<Notify>) {
        // What a server that died was about to decide has waited for long enough.
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                ended = shutdown.wait_for(|ends| *ends) => {
                    drop(ended);
                    return;
                }
                () = kick.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            self.pulse.beat(Duration::ZERO);
            let began = clock::monotonic();
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the engine could not look at the deployments; it tries again");
            }
            // A fleet so large that a look takes long is not looked at all the time.
            pause = SHORTEST_PAUSE.max(began.elapsed() * 5);
            self.pulse.beat(pause);
        }
    }

    /// What every device at work is to be told.
    pub async fn in_flight(&self) -> Result<Vec<Open>, ServiceError> {
        Ok(self.store.read(|connection| Box::pin(assignments::open_for(connection))).await?)
    }

    /// Decides about one deployment until nothing more follows.
    async fn settle(&self, deployment: Deployment, moment: Moment) -> Result<Vec<Decision>, StoreError> {
        let read = deployment.clone();
        let anything = self.store.read(move |connection| {
            Box::pin(async move {
                let seen = Seen::read(connection, &read, moment).await?;
                Ok(!decide(&seen.situation(&read, moment)).is_empty())
            })
        });
        if !anything.await? {
            return Ok(Vec::new());
        }
        let settled = self.store.write(move |connection| {
            let deployment = deployment.clone();
            Box::pin(async move { settle_locked(connection, deployment, moment).await })
        });
        settled.await
    }
}

/// The same within one transaction, on what nobody else can change meanwhile.
async fn settle_locked(
    connection: &mut AnyConnection,
    mut deployment: Deployment,
    moment: Moment,
) -> Result<Vec<Decision>, StoreError> {
    deployments::lock(connection, &deployment).await?;
    deployment.revision += 1;
    let mut taken = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let seen = Seen::read_and_hold(connection, &deployment, moment).await?;
        let decisions = decide(&seen.situation(&deployment, moment));
        if decisions.is_empty() {
            break;
        }
        for decision in decisions {
            carry(connection, &deployment, &decision, &seen.offerable, moment).await?;
            apply(&mut deployment, &decision, moment.now);
            record(connection, &deployment.id, &decision, moment.now).await?;
            taken.push(decision);
        }
    }
    deployments::update_locked(connection, &deployment).await?;
    Ok(taken)
}

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Decisions end by themselves after a few rounds; where they ever did not, the database is not held for it.
const MOST_ROUNDS: u32 = 20;
