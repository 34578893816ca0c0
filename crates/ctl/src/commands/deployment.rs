//! `belayctl deployment …`

use belay_protocol::DeploymentId;
use belay_protocol::admin::{
    CreateDeployment, DecisionView, DeploymentView, DeviceProgress, Expand, FilterText, Policy, Preview, Strategy,
};
use serde::Serialize;

use super::{all, watch};
use crate::arguments::{self, Deployment, StrategyName};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

/// A deployment with everything that is known of it.
#[derive(Debug, Serialize)]
pub(crate) struct Full {
    /// The deployment.
    pub(crate) deployment: DeploymentView,
    /// Its devices.
    pub(crate) devices: Vec<DeviceProgress>,
    /// What was decided, newest first.
    pub(crate) decisions: Vec<DecisionView>,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Deployment) -> Result<Exit, CtlError> {
    match verb {
        Deployment::Create(create) => create_one(client, output, *create).await?,
        Deployment::List { status } => {
            let deployments: Vec<DeploymentView> = all(client, &["deployments"], &[("status", status)]).await?;
            output.answer(&deployments, |deployments, page| render::deployment::list(deployments, page));
        }
        Deployment::Show { id } => output.answer(&full(client, &id).await?, render::deployment::full),
        Deployment::Watch { id, until_wave } => return watch::watch(client, output, &id, until_wave).await,
        Deployment::Start { id } => order(client, output, &id, "start").await?,
        Deployment::Pause { id } => order(client, output, &id, "pause").await?,
        Deployment::Resume { id } => order(client, output, &id, "resume").await?,
        Deployment::Cancel { id } => order(client, output, &id, "cancel").await?,
        Deployment::Retry { id } => order(client, output, &id, "retry").await?,
        Deployment::Rollback { id } => order(client, output, &id, "rollback").await?,
        Deployment::Expand { id, percent } => {
            let path = ["deployments", id.as_str(), "expand"];
            let deployment: DeploymentView = client.post(&path, &Expand { percent }).await?;
            output.answer(&deployment, render::deployment::made);
        }
        Deployment::Delete { id } => {
            client.delete(&["deployments", id.as_str()]).await?;
            output.answer(&id, |id, _| format!("deployment {id} is forgotten"));
        }
    }
    Ok(Exit::Done)
}

/// Everything that is known of a deployment.
pub(super) async fn full(client: &Client, id: &DeploymentId) -> Result<Full, CtlError> {
    let deployment = client.fetch(&["deployments", id.as_str()], &[]).await?;
    let devices = all(client, &["deployments", id.as_str(), "devices"], &[]).await?;
    let decisions = all(client, &["deployments", id.as_str(), "decisions"], &[]).await?;
    Ok(Full { deployment, devices, decisions })
}

async fn order(client: &Client, output: &Output, id: &DeploymentId, verb: &str) -> Result<(), CtlError> {
    let deployment: DeploymentView = client.order(&["deployments", id.as_str(), verb]).await?;
    output.answer(&deployment, render::deployment::made);
    Ok(())
}

async fn create_one(client: &Client, output: &Output, asked: arguments::CreateDeployment) -> Result<(), CtlError> {
    let (start, dry_run) = (asked.start, asked.dry_run);
    let deployment = body(asked)?;
    if dry_run {
        let preview: Preview = client.post(&["deployments", "preview"], &deployment).await?;
        output.answer(&preview, render::deployment::preview);
        return Ok(());
    }
    let mut made: DeploymentView = client.post(&["deployments"], &deployment).await?;
    if start {
        made = client.order(&["deployments", made.id.as_str(), "start"]).await?;
    }
    output.answer(&made, render::deployment::made);
    Ok(())
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
