//! Deployments as they are shown.

use belay_protocol::admin::{Buckets, DeploymentStatus, DeploymentView, DeviceProgress};
use sqlx::AnyConnection;

use crate::domain::Deployment;
use crate::service::ServiceError;
use crate::service::engine::Moment;
use crate::store::StoreError;
use crate::store::assignments::{self, Shown};

/// A deployment with its figures.
pub(super) async fn view(
    connection: &mut AnyConnection,
    deployment: Deployment,
    moment: Moment,
) -> Result<DeploymentView, StoreError> {
    let counted = assignments::buckets(connection, &deployment.id, moment.now, moment.heard_since).await?;
    let total = counted.values().sum();
    let number = |word: &str| counted.get(word).copied().unwrap_or_default();
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
    Ok(DeploymentView {
        id: deployment.id,
        name: deployment.name,
        kind: deployment.kind,
        release: deployment.release,
        channel: deployment.channel,
        filter: deployment.filter,
        strategy: deployment.strategy,
        policy: deployment.policy,
        status: deployment.status,
        reason: deployment.reason,
        total,
        allowed: match deployment.started_at {
            Some(_) => deployment.allowed.unwrap_or(total),
            None => 0,
        },
        buckets,
        frozen_by: deployment.frozen.map(|frozen| frozen.by),
        created_at: deployment.created_at,
        created_by: deployment.created_by,
        started_at: deployment.started_at,
        ended_at: deployment.ended_at,
    })
}

/// A device's part as it is shown.
pub(super) fn progress(shown: Shown) -> DeviceProgress {
    let part = shown.assignment;
    DeviceProgress {
        device: part.device,
        hostname: shown.hostname,
        status: shown.bucket,
        reason: part.reason,
        message: part.message,
        attempt: part.attempt,
        from_version: part.from_version,
        offered_at: part.offered_at,
        started_at: part.started_at,
        ended_at: part.ended_at,
    }
}

/// Refuses a text that is no status of a deployment, nor empty.
pub(super) fn known_status(text: &str) -> Result<(), ServiceError> {
    let known = serde_json::from_value::<DeploymentStatus>(serde_json::Value::String(text.to_owned()));
    if text.is_empty() || known.is_ok() {
        return Ok(());
    }
    let message = format!(
        "{text:?} is no status of a deployment; ask for pending, in_progress, paused, halted, completed, failed or \
         cancelled"
    );
    Err(ServiceError::of_field("status", "unknown_status", message))
}

/// Refuses a text that is no bucket, nor empty.
pub(super) fn known_bucket(text: &str) -> Result<(), ServiceError> {
    if text.is_empty() || BUCKETS.contains(&text) {
        return Ok(());
    }
    let message = format!("{text:?} is no status of a device; ask for one of {}", BUCKETS.join(", "));
    Err(ServiceError::of_field("status", "unknown_status", message))
}

const BUCKETS: [&str; 12] = [
    "waiting",
    "offline",
    "deferred",
    "offered",
    "downloading",
    "installing",
    "verifying",
    "completed",
    "failed",
    "rolled_back",
    "silent",
    "skipped",
];
