//! The verbs: each takes the deployment, lets `domain` decide, and carries the decision out, in one transaction.

use belay_protocol::DeploymentId;
use belay_protocol::admin::{DeploymentKind, DeploymentView, Expand};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::missing;
use crate::domain::Deployment;
use crate::domain::rollout::{Decision, Tally};
use crate::domain::verbs::{self, Refusal};
use crate::service::engine::{Moment, carry, record};
use crate::service::releases::needed;
use crate::service::{Actor, Kind, Service, ServiceError};
use crate::store::{StoreError, assignments, audit, deployments};

impl Service {
    /// Begins a pending one.
    pub async fn start_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        self.steer(actor, id, "deployment.start", verbs::start).await
    }

    /// Offers nothing more until it is resumed; devices at work go on.
    pub async fn pause_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        self.steer(actor, id, "deployment.pause", verbs::pause).await
    }

    /// Goes on with a paused or halted one; what halted it is forgiven and does not count again.
    pub async fn resume_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        self.steer(actor, id, "deployment.resume", verbs::resume).await
    }

    /// Ends it; devices that have not begun to apply are told to drop it. One that stands for a channel ends with it.
    pub async fn cancel_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        let verb = |deployment: &mut Deployment, tally: &Tally, now: Timestamp| match deployment.channel {
            Some(channel) if !deployment.is_over() => Err(Refusal {
                code: "stands_for_channel",
                message: format!("it carries out the channel {channel}; switch that off, or pause this"),
            }),
            Some(_) | None => verbs::cancel(deployment, tally, now),
        };
        self.steer(actor, id, "deployment.cancel", verb).await
    }

    /// Opens further waves.
    pub async fn expand_deployment(
        &self,
        actor: &Actor,
        id: &DeploymentId,
        expand: Expand,
    ) -> Result<DeploymentView, ServiceError> {
        if expand.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Err(ServiceError::of_field("percent", "out_of_range", "expand to 1 to 100 of a hundred devices"));
        }
        let verb = move |deployment: &mut Deployment, tally: &Tally, now: Timestamp| {
            verbs::expand(deployment, expand.percent, tally, now)
        };
        self.steer(actor, id, "deployment.expand", verb).await
    }

    /// Offers it once more to all devices where it failed, went wrong or fell silent.
    pub async fn retry_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        self.steer(actor, id, "deployment.retry", verbs::retry).await
    }

    async fn steer<V>(
        &self,
        actor: &Actor,
        id: &DeploymentId,
        action: &'static str,
        verb: V,
    ) -> Result<DeploymentView, ServiceError>
    where
        V: Fn(&mut Deployment, &Tally, Timestamp) -> Result<Decision, Refusal> + Copy + Send + Sync + 'static,
    {
        let steered = anew(|| {
            let moment = self.moment();
            self.store.write(move |connection| {
                let (id, actor) = (id.clone(), actor.clone());
                Box::pin(async move {
                    let Some(mut deployment) = deployments::take(connection, &id).await? else {
                        return Ok(Err(missing(&id)));
                    };
                    if BEGINS.contains(&action)
                        && let Err(missing) = release_of(connection, &deployment).await?
                    {
                        return Ok(Err(missing));
                    }
                    match carry_out(connection, &mut deployment, verb, moment).await? {
                        Ok(decision) => {
                            let (target, detail) = (id.as_str(), &decision.reason);
                            audit::write(connection, moment.now, &actor, action, target, detail).await?;
                            Ok(Ok(()))
                        }
                        Err(refusal) => Ok(Err(ServiceError::new(Kind::Conflict, refusal.code, refusal.message))),
                    }
                })
            })
        });
        steered.await??;
        self.refresh_orders().await;
        self.engine.notify_one();
        self.deployment(id).await
    }
}

/// Does it once more where what was read no longer holds: a device reported in the very instant, and what it said is
/// taken into account now.
pub(in crate::service) async fn anew<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempt = 1;
    loop {
        match work().await {
            Err(StoreError::Stale) if attempt < MOST_ATTEMPTS => attempt += 1,
            ended => return ended,
        }
    }
}

/// What an installation that begins has to bring; it may have been deleted once the deployment was over.
async fn release_of(
    connection: &mut AnyConnection,
    deployment: &Deployment,
) -> Result<Result<(), ServiceError>, StoreError> {
    match (&deployment.release, deployment.kind) {
        (Some(name), DeploymentKind::Install) => Ok(needed(connection, name).await?.map(drop)),
        (Some(_), DeploymentKind::RollBack) | (None, _) => Ok(Ok(())),
    }
}

/// Ends a deployment that this transaction has taken, where it is not over: it ends with something else.
pub(in crate::service) async fn cancel(
    connection: &mut AnyConnection,
    deployment: &mut Deployment,
    moment: Moment,
) -> Result<(), StoreError> {
    if !deployment.is_over() {
        // It is refused only to what is over.
        let _ = carry_out(connection, deployment, verbs::cancel, moment).await?;
    }
    Ok(())
}

async fn carry_out<V>(
    connection: &mut AnyConnection,
    deployment: &mut Deployment,
    verb: V,
    moment: Moment,
) -> Result<Result<Decision, Refusal>, StoreError>
where
    V: Fn(&mut Deployment, &Tally, Timestamp) -> Result<Decision, Refusal>,
{
    let tally = assignments::tally(connection, &deployment.id, moment.now).await?;
    let decision = match verb(deployment, &tally, moment.now) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    carry(connection, deployment, &decision, &[], moment).await?;
    record(connection, &deployment.id, &decision, moment.now).await?;
    deployments::update_locked(connection, deployment).await?;
    Ok(Ok(decision))
}

/// The verbs after which devices are offered what it brings.
const BEGINS: &[&str] = &["deployment.start", "deployment.resume", "deployment.retry"];

const MOST_ATTEMPTS: u32 = 10;
