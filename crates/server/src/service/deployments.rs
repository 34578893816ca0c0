//! Deployments: made, shown, steered.

mod make;
mod roll_back;
mod verbs;
mod view;

use belay_protocol::DeploymentId;
use belay_protocol::admin::{CreateDeployment, DecisionView, DeploymentView, DeviceProgress, Page, Preview};

pub(super) use make::{Draft, insert, take_latecomers};
pub(super) use verbs::{anew, cancel};

use super::{Actor, Kind, PageOf, Service, ServiceError};
use crate::store::{assignments, audit, decisions, deployments};

impl Service {
    /// Makes a deployment with an assignment for every device that it selects; one that selects none is refused.
    pub async fn create_deployment(
        &self,
        actor: &Actor,
        deployment: CreateDeployment,
    ) -> Result<DeploymentView, ServiceError> {
        let draft = Draft::of(deployment)?;
        let found = self.look_for(&draft).await?;
        found.must_not_be_empty()?;
        let id = self.make(actor, draft).await?;
        self.engine.notify_one();
        self.deployment(&id).await
    }

    /// What would be made; nothing is.
    pub async fn preview_deployment(&self, deployment: CreateDeployment) -> Result<Preview, ServiceError> {
        let draft = Draft::of(deployment)?;
        Ok(self.look_for(&draft).await?.preview(&draft))
    }

    /// Deployments of a page, newest first; an empty status asks for nothing.
    pub async fn deployments(&self, status: &str, page: PageOf) -> Result<Page<DeploymentView>, ServiceError> {
        let (moment, status, range) = (self.moment(), status.to_owned(), page.range()?);
        view::known_status(&status)?;
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                let (found, total) = deployments::page(connection, &status, range).await?;
                let mut views = Vec::with_capacity(found.len());
                for deployment in found {
                    views.push(view::view(connection, deployment, moment).await?);
                }
                Ok((views, total))
            })
        });
        let (views, total) = read.await?;
        Ok(page.with(views, total))
    }

    /// One deployment.
    pub async fn deployment(&self, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        let (moment, wanted) = (self.moment(), id.clone());
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                match deployments::by_id(connection, &wanted).await? {
                    Some(deployment) => view::view(connection, deployment, moment).await.map(Some),
                    None => Ok(None),
                }
            })
        });
        read.await?.ok_or_else(|| missing(id))
    }

    /// Its devices, in its order; an empty status asks for nothing.
    pub async fn deployment_devices(
        &self,
        id: &DeploymentId,
        status: &str,
        page: PageOf,
    ) -> Result<Page<DeviceProgress>, ServiceError> {
        let (moment, wanted, status, range) = (self.moment(), id.clone(), status.to_owned(), page.range()?);
        view::known_bucket(&status)?;
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                if deployments::by_id(connection, &wanted).await?.is_none() {
                    return Ok(None);
                }
                let instants = (moment.now, moment.heard_since);
                assignments::page(connection, &wanted, &status, instants, range).await.map(Some)
            })
        });
        let (shown, total) = read.await?.ok_or_else(|| missing(id))?;
        Ok(page.with(shown.into_iter().map(view::progress).collect(), total))
    }

    /// What the engine decided, newest first.
    pub async fn deployment_decisions(
        &self,
        id: &DeploymentId,
        page: PageOf,
    ) -> Result<Page<DecisionView>, ServiceError> {
        let (wanted, range) = (id.clone(), page.range()?);
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                if deployments::by_id(connection, &wanted).await?.is_none() {
                    return Ok(None);
                }
                decisions::page(connection, &wanted, range).await.map(Some)
            })
        });
        let (found, total) = read.await?.ok_or_else(|| missing(id))?;
        Ok(page.with(found, total))
    }

    /// Forgets a deployment that is over, with its assignments and decisions; reports stay as history.
    pub async fn delete_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let deleted = self.store.write(|connection| {
            let (id, actor) = (id.clone(), actor.clone());
            Box::pin(async move {
                let Some(deployment) = deployments::take(connection, &id).await? else { return Ok(Err(missing(&id))) };
                if !deployment.is_over() {
                    let message = format!("the deployment {:?} is not over; cancel it first", deployment.name);
                    return Ok(Err(ServiceError::new(Kind::Conflict, "not_over", message)));
                }
                assignments::delete_of(connection, &id).await?;
                decisions::delete_of(connection, &id).await?;
                deployments::delete(connection, &id).await?;
                audit::write(connection, now, &actor, "deployment.delete", id.as_str(), &deployment.name).await?;
                Ok(Ok(()))
            })
        });
        deleted.await?
    }
}

fn missing(id: &DeploymentId) -> ServiceError {
    ServiceError::not_found("deployment", id)
}
