//! The table `decisions`: what the engine decided about deployments, and why.

use std::collections::BTreeMap;

use belay_protocol::DeploymentId;
use belay_protocol::admin::DecisionView;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::row::{Record, json, millis};
use super::{StoreError, id};

/// Writes a decision down.
pub async fn insert(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    at: Timestamp,
    decision: &str,
    reason: &str,
    inputs: &BTreeMap<String, serde_json::Value>,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO decisions (id, deployment, at, decision, reason, inputs) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id::new("g", at))
        .bind(deployment.as_str())
        .bind(millis(at))
        .bind(decision)
        .bind(reason)
        .bind(json(inputs))
        .execute(connection)
        .await?;
    Ok(())
}

/// What was decided about a deployment, newest first, and how much there is on all pages.
pub async fn page(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    (limit, offset): (i64, i64),
) -> Result<(Vec<DecisionView>, u64), StoreError> {
    let count = sqlx::query("SELECT COUNT(*) AS number FROM decisions WHERE deployment = $1")
        .bind(deployment.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let rows = sqlx::query(
        "SELECT id, at, decision, reason, inputs FROM decisions WHERE deployment = $1 \
         ORDER BY id DESC LIMIT $2 OFFSET $3",
    )
    .bind(deployment.as_str())
    .bind(limit)
    .bind(offset)
    .fetch_all(connection)
    .await?;
    let decisions = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((decisions, u64::try_from(count.try_get::<i64, _>("number")?).unwrap_or_default()))
}

/// Forgets what was decided about a deployment.
pub async fn delete_of(connection: &mut AnyConnection, deployment: &DeploymentId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM decisions WHERE deployment = $1").bind(deployment.as_str()).execute(connection).await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<DecisionView, StoreError> {
    let record = Record::of("decisions", &["id"], row);
    Ok(DecisionView {
        id: record.text("id")?,
        at: record.instant("at")?,
        decision: record.text("decision")?,
        reason: record.text("reason")?,
        inputs: record.json("inputs")?,
    })
}
