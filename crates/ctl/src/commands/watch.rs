//! Following a deployment until it ends or needs a person: live bars on a terminal, a line for each change elsewhere.

mod screen;

use std::time::Duration;

use belay_protocol::DeploymentId;
use belay_protocol::admin::{Buckets, DecisionView, DeploymentStatus, DeploymentView, DeviceProgress, Page};

use super::deployment;
use crate::arguments::WatchArguments;
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;
use screen::Screen;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many decisions one look asks for: more are not made between two looks, and what was long before is not told.
const NEWEST: u32 = 50;

/// How many devices at work are shown.
const AT_WORK: u32 = 8;

/// How many devices that went wrong are told at one look.
const WRONG: u32 = 500;

/// How often in a row the server may be away before the watch is given up.
const PATIENCE: u32 = 20;

/// What one look found.
#[derive(Debug)]
struct Look {
    deployment: DeploymentView,
    /// Its newest decisions, newest first.
    decisions: Vec<DecisionView>,
    /// Some of the devices at work, where somebody looks on.
    at_work: Vec<DeviceProgress>,
    /// Devices that went wrong since the last look, and those told before.
    wrong: Vec<DeviceProgress>,
}

/// Follows a deployment and shows what came of it.
pub(super) async fn watch(
    client: &Client,
    output: &Output,
    id: &DeploymentId,
    how: &WatchArguments,
) -> Result<Exit, CtlError> {
    let mut screen = Screen::new(output);
    let followed = follow(client, output, &mut screen, id, how);
    let exit = match how.timeout {
        None => followed.await?,
        Some(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), followed).await {
            Ok(ended) => ended?,
            Err(_) => {
                screen.say(&format!("it has not ended within {seconds} s, and goes on"));
                Exit::NeedsAttention
            }
        },
    };
    screen.end();
    output.answer(&deployment::full(client, id).await?, render::deployment::outcome);
    Ok(exit)
}

async fn follow(
    client: &Client,
    output: &Output,
    screen: &mut Screen,
    id: &DeploymentId,
    how: &WatchArguments,
) -> Result<Exit, CtlError> {
    let mut away = 0;
    let mut is_first = true;
    loop {
        match look(client, output, screen, id).await {
            Ok(found) => {
                away = 0;
                if std::mem::take(&mut is_first)
                    && let Some(line) = render::watch::endless(&found.deployment)
                {
                    screen.say(&line);
                }
                screen.show(&found);
                if let Some(exit) = ended(&found.deployment, how.until_wave) {
                    return Ok(exit);
                }
                if let Some(limit) = how.fail_over.filter(|limit| is_over(*limit, &found.deployment)) {
                    screen.say(&render::watch::over(&found.deployment.buckets, limit));
                    return Ok(Exit::NeedsAttention);
                }
            }
            // A server that restarts is not the end of a deployment.
            Err(error) if is_away(&error) && away < PATIENCE => {
                if away == 0 {
                    screen.say("the server does not answer; it is asked again");
                }
                away += 1;
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Asks for no more than is shown: a fleet may be large, and many may look on.
async fn look(client: &Client, output: &Output, screen: &Screen, id: &DeploymentId) -> Result<Look, CtlError> {
    let deployment: DeploymentView = client.fetch(&["deployments", id.as_str()], &[]).await?;
    let newest = [("page_size", NEWEST.to_string())];
    let decisions: Page<DecisionView> = client.fetch(&["deployments", id.as_str(), "decisions"], &newest).await?;
    let Buckets { downloading, installing, verifying, failed, rolled_back, silent, .. } = deployment.buckets;
    let (mut at_work, mut wrong) = (Vec::new(), Vec::new());
    if output.is_watched() {
        for (bucket, number) in [("verifying", verifying), ("installing", installing), ("downloading", downloading)] {
            at_work.extend(devices(client, id, bucket, number, AT_WORK).await?);
        }
    }
    if failed + rolled_back + silent != screen.wrong() {
        for (bucket, number) in [("failed", failed), ("rolled_back", rolled_back), ("silent", silent)] {
            wrong.extend(devices(client, id, bucket, number, WRONG).await?);
        }
    }
    Ok(Look { deployment, decisions: decisions.items, at_work, wrong })
}

/// So many devices of a bucket.
async fn devices(
    client: &Client,
    id: &DeploymentId,
    bucket: &str,
    number: u64,
    at_most: u32,
) -> Result<Vec<DeviceProgress>, CtlError> {
    if number == 0 {
        return Ok(Vec::new());
    }
    let query = [("status", bucket.to_owned()), ("page_size", at_most.to_string())];
    let page: Page<DeviceProgress> = client.fetch(&["deployments", id.as_str(), "devices"], &query).await?;
    Ok(page.items)
}

/// Whether it is the server, or what stands before it, that is not there for a moment.
pub(super) fn is_away(error: &CtlError) -> bool {
    matches!(error, CtlError::Unreachable { .. } | CtlError::Away { .. })
}

/// How the watch ends, where it does.
fn ended(deployment: &DeploymentView, until_wave: bool) -> Option<Exit> {
    match deployment.status {
        DeploymentStatus::Completed => Some(Exit::Done),
        DeploymentStatus::Failed | DeploymentStatus::Cancelled => Some(Exit::NotDeployed),
        DeploymentStatus::Halted | DeploymentStatus::Paused => Some(Exit::NeedsAttention),
        DeploymentStatus::Pending => None,
        DeploymentStatus::InProgress => {
            let wave_is_over =
                deployment.allowed < deployment.total && finished(&deployment.buckets) >= deployment.allowed;
            (until_wave && wave_is_over).then_some(Exit::Done)
        }
    }
}

/// Whether more than this share of the finished devices went wrong. Like the server's own gate it judges by no fewer
/// devices than the smallest sample, unless a whole wave has finished.
fn is_over(limit: u8, deployment: &DeploymentView) -> bool {
    let finished = finished(&deployment.buckets);
    let enough = u64::from(deployment.policy.min_sample).min(deployment.allowed);
    finished > 0 && finished >= enough && wrong(&deployment.buckets) * 100 > u64::from(limit) * finished
}

fn finished(buckets: &Buckets) -> u64 {
    buckets.completed + wrong(buckets)
}

fn wrong(buckets: &Buckets) -> u64 {
    buckets.failed + buckets.rolled_back + buckets.silent
}

#[cfg(test)]
mod tests;
