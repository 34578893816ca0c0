//! `belayctl deployment …`

use belay_protocol::DeploymentId;
use belay_protocol::admin::{
    Buckets, CreateDeployment, DecisionView, DeploymentView, DeviceProgress, Expand, FilterText, Policy, Preview,
    Strategy,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{all, named, watch};
use crate::arguments::{self, Deployment, StrategyName, WatchArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

/// A deployment with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Full {
    /// The deployment.
    pub(crate) deployment: DeploymentView,
    /// Its devices.
    pub(crate) devices: Vec<DeviceProgress>,
    /// What was decided, newest first.
    pub(crate) decisions: Vec<DecisionView>,
}

/// A deployment that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedDeployment {
    /// Its name.
    #[schema(value_type = String)]
    pub(crate) deleted: DeploymentId,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Deployment) -> Result<Exit, CtlError> {
    let (id, verb) = match verb {
        Deployment::Create(create) => return create_one(client, output, *create).await,
        Deployment::List { status } => {
            let deployments: Vec<DeploymentView> = all(client, &["deployments"], &[("status", status)]).await?;
            output.answer(&deployments, |deployments, page| render::deployment::list(deployments, page));
            return Ok(Exit::Done);
        }
        Deployment::Show { id } => {
            output.answer(&full(client, &id_of(client, &id).await?).await?, render::deployment::full);
            return Ok(Exit::Done);
        }
        Deployment::Watch { id, watch } => {
            return watch::watch(client, output, &id_of(client, &id).await?, &watch).await;
        }
        Deployment::Start { id, watch: true } => {
            let id = id_of(client, &id).await?;
            return start_and_watch(client, output, &id).await;
        }
        Deployment::Expand { id, percent } => {
            let id = id_of(client, &id).await?;
            let path = ["deployments", id.as_str(), "expand"];
            let deployment: DeploymentView = client.post(&path, &Expand { percent }).await?;
            output.answer(&deployment, render::deployment::made);
            return Ok(Exit::Done);
        }
        Deployment::Delete { id } => {
            let deleted = id_of(client, &id).await?;
            client.delete(&["deployments", deleted.as_str()]).await?;
            let gone = DeletedDeployment { deleted };
            output.answer(&gone, |gone, _| format!("deployment {} is forgotten", gone.deleted));
            return Ok(Exit::Done);
        }
        Deployment::Start { id, watch: false } => (id, "start"),
        Deployment::Pause { id } => (id, "pause"),
        Deployment::Resume { id } => (id, "resume"),
        Deployment::Cancel { id } => (id, "cancel"),
        Deployment::Retry { id } => (id, "retry"),
        Deployment::Rollback { id } => (id, "rollback"),
    };
    let id = id_of(client, &id).await?;
    let deployment: DeploymentView = client.order(&["deployments", id.as_str(), verb]).await?;
    output.answer(&deployment, render::deployment::made);
    Ok(Exit::Done)
}

async fn id_of(client: &Client, text: &str) -> Result<DeploymentId, CtlError> {
    named::deployment(client, text).await
}

async fn start_and_watch(client: &Client, output: &Output, id: &DeploymentId) -> Result<Exit, CtlError> {
    let started: DeploymentView = client.order(&["deployments", id.as_str(), "start"]).await?;
    output.tell(&render::deployment::made(&started, &output.page_of_news()));
    watch::watch(client, output, id, &WatchArguments::default()).await
}

/// Everything that is known of a deployment.
pub(super) async fn full(client: &Client, id: &DeploymentId) -> Result<Full, CtlError> {
    let deployment: DeploymentView = client.fetch(&["deployments", id.as_str()], &[]).await?;
    let devices: Vec<DeviceProgress> = all(client, &["deployments", id.as_str(), "devices"], &[]).await?;
    let decisions = all(client, &["deployments", id.as_str(), "decisions"], &[]).await?;
    Ok(Full { deployment: agreeing(deployment, &devices), devices, decisions })
}

/// The deployment with its figures counted from its devices: they were asked for after it, and may have moved on.
fn agreeing(deployment: DeploymentView, devices: &[DeviceProgress]) -> DeploymentView {
    let number = |bucket: &str| devices.iter().filter(|device| device.status == bucket).count() as u64;
    let buckets = Buckets {
        waiting: number("waiting"),
        offline: number("offline"),
        deferred: number("deferred"),
        offered: number("offered"),
        downloading: number("downloading"),
        installing: number("installing"),
        verifying: number("verifying"),
        completed: number("completed"),
        failed: number("failed"),
        rolled_back: number("rolled_back"),
        silent: number("silent"),
        skipped: number("skipped"),
    };
    DeploymentView { total: devices.len() as u64, buckets, ..deployment }
}

async fn create_one(client: &Client, output: &Output, asked: arguments::CreateDeployment) -> Result<Exit, CtlError> {
    let arguments::CreateDeployment { start, watch, dry_run, .. } = asked;
    let deployment = body(asked)?;
    if dry_run {
        let preview: Preview = client.post(&["deployments", "preview"], &deployment).await?;
        output.answer(&preview, render::deployment::preview);
        return Ok(Exit::Done);
    }
    let mut made: DeploymentView = client.post(&["deployments"], &deployment).await?;
    // Whoever asks for all at once has started it by that.
    let waits = deployment.strategy != Strategy::Immediate;
    if watch && waits {
        return start_and_watch(client, output, &made.id).await;
    }
    if watch {
        output.tell(&render::deployment::made(&made, &output.page_of_news()));
        return watch::watch(client, output, &made.id, &WatchArguments::default()).await;
    }
    if start {
        made = client.order(&["deployments", made.id.as_str(), "start"]).await?;
    }
    output.answer(&made, render::deployment::made);
    Ok(Exit::Done)
}

fn body(asked: arguments::CreateDeployment) -> Result<CreateDeployment, CtlError> {
    let percent = asked.percent;
    let strategy = match asked.strategy {
        StrategyName::Manual => Strategy::Manual,
        StrategyName::Immediate => Strategy::Immediate,
        StrategyName::Canary => Strategy::Canary { percent: percent.unwrap_or(5), soak_s: asked.soak },
        StrategyName::Rolling => Strategy::Rolling { percent: percent.unwrap_or(20) },
    };
    let usual = Policy::default();
    let policy = Policy {
        max_failure_percent: asked.fail_over.unwrap_or(usual.max_failure_percent),
        max_in_flight: asked.in_flight.unwrap_or(usual.max_in_flight),
        retries: asked.retries.unwrap_or(usual.retries),
        min_sample: asked.min_sample.unwrap_or(usual.min_sample),
        spread_s: asked.spread.unwrap_or(usual.spread_s),
        start_at: asked.start_at,
        windows: asked.windows,
        time_zone: asked.time_zone,
        ..usual
    };
    let (version_operator, current_version) = asked.current.as_deref().map(split).transpose()?.unzip();
    let filter = FilterText {
        current_version,
        version_operator,
        tags: asked.tags.into_iter().map(String::from).collect(),
        device_ids: asked.devices.into_iter().map(String::from).collect(),
        ..FilterText::default()
    };
    Ok(CreateDeployment { name: asked.name, release: asked.release.into(), filter, strategy, policy })
}

/// `<2.0` is less than 2.0, `2.0` is 2.0.
fn split(text: &str) -> Result<(String, String), CtlError> {
    let text = text.trim();
    let operator = ["<=", "!=", "<", "="].into_iter().find(|operator| text.starts_with(operator)).unwrap_or("");
    let version = text[operator.len()..].trim();
    if version.is_empty() {
        return Err(CtlError::Usage(format!("{text:?} names no version: write it like \"<2.0\"")));
    }
    Ok((if operator.is_empty() { "=" } else { operator }.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests;
