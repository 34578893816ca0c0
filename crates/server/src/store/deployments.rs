//! The table `deployments`: campaigns. Who changes one names the revision that was read.

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, ReleaseName};
use belay_protocol::{Closure, DeploymentId, DeviceId, DeviceType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::{Record, json, millis};
use crate::domain::{Deployment, Forgiven, Frozen};

/// Writes a new deployment down.
pub async fn insert(connection: &mut AnyConnection, deployment: &Deployment) -> Result<(), StoreError> {
    let release = deployment.release.as_ref();
    sqlx::query(
        "INSERT INTO deployments (id, name, kind, device_type, distribution, version, channel, filter, strategy, \
         policy, priority, status, reason, allowed, soak_until, forgiven_finished, forgiven_failures, closure, \
         closure_by, revision, created_at, created_by, started_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
         $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
    )
    .bind(deployment.id.as_str())
    .bind(&deployment.name)
    .bind(word(&deployment.kind))
    .bind(release.map(|name| name.device_type.as_str()))
    .bind(release.map(|name| name.distribution.as_str()))
    .bind(release.map(|name| name.version.as_str()))
    .bind(deployment.channel)
    .bind(json(&deployment.filter))
    .bind(json(&deployment.strategy))
    .bind(json(&deployment.policy))
    .bind(i64::from(deployment.policy.priority))
    .bind(word(&deployment.status))
    .bind(&deployment.reason)
    .bind(deployment.allowed.map(signed))
    .bind(deployment.soak_until.map(millis))
    .bind(signed(deployment.forgiven.finished))
    .bind(signed(deployment.forgiven.failures))
    .bind(deployment.frozen.as_ref().map(|frozen| json(&frozen.closure)))
    .bind(deployment.frozen.as_ref().map(|frozen| frozen.by.as_str()))
    .bind(deployment.revision)
    .bind(millis(deployment.created_at))
    .bind(&deployment.created_by)
    .bind(deployment.started_at.map(millis))
    .bind(deployment.ended_at.map(millis))
    .execute(connection)
    .await?;
    Ok(())
}

/// The deployment of this name.
pub async fn by_id(connection: &mut AnyConnection, id: &DeploymentId) -> Result<Option<Deployment>, StoreError> {
    let row =
        sqlx::query("SELECT * FROM deployments WHERE id = $1").bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// Deployments, newest first, and how many there are on all pages. An empty status asks for nothing.
pub async fn page(
    connection: &mut AnyConnection,
    status: &str,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Deployment>, u64), StoreError> {
    let count = sqlx::query("SELECT COUNT(*) AS number FROM deployments WHERE ($1 = '' OR status = $1)")
        .bind(status)
        .fetch_one(&mut *connection)
        .await?;
    let rows = sqlx::query(
        "SELECT * FROM deployments WHERE ($1 = '' OR status = $1) ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3",
    )
    .bind(status)
    .bind(limit)
    .bind(offset)
    .fetch_all(connection)
    .await?;
    let deployments = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((deployments, u64::try_from(count.try_get::<i64, _>("number")?).unwrap_or_default()))
}

/// Whatever the engine must look at: deployments that are not over, and those that are while devices are still at work.
/// Those that go first for a device come first.
pub async fn unsettled(connection: &mut AnyConnection) -> Result<Vec<Deployment>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM deployments WHERE id IN (\
         SELECT id FROM deployments WHERE status IN ('pending', 'in_progress', 'paused', 'halted') UNION \
         SELECT deployment FROM assignments WHERE status IN ('offered', 'downloading', 'installing', 'verifying')) \
         ORDER BY priority DESC, created_at DESC, id DESC",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

/// Deployments that are not over and may reach devices of this type.
pub async fn open_for_type(
    connection: &mut AnyConnection,
    device_type: &DeviceType,
) -> Result<Vec<Deployment>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM deployments WHERE status IN ('pending', 'in_progress', 'paused', 'halted') \
         AND kind = 'install' AND device_type = $1 ORDER BY id",
    )
    .bind(device_type.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

/// Makes sure that nobody else changed the deployment since this revision was read, and that nobody will until this
/// transaction ends: the first statement of everything that decides about it.
pub async fn lock(connection: &mut AnyConnection, deployment: &Deployment) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE deployments SET revision = revision + 1 WHERE id = $1 AND revision = $2")
        .bind(deployment.id.as_str())
        .bind(deployment.revision)
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// Reads a deployment and keeps it as it is until this transaction ends.
pub async fn take(connection: &mut AnyConnection, id: &DeploymentId) -> Result<Option<Deployment>, StoreError> {
    let done = sqlx::query("UPDATE deployments SET revision = revision + 1 WHERE id = $1")
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 { Ok(None) } else { by_id(connection, id).await }
}

/// Keeps a deployment from ending until this transaction does; whether it has not ended yet. The engine's next decision
/// sees what is written meanwhile, and is not made stale by it.
pub async fn keep_open(connection: &mut AnyConnection, id: &DeploymentId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE deployments SET revision = revision WHERE id = $1 \
         AND status IN ('pending', 'in_progress', 'paused', 'halted')",
    )
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down what was decided about a deployment that this transaction has locked. Its closure is not touched: devices
/// freeze that, see [`freeze`].
pub async fn update_locked(connection: &mut AnyConnection, deployment: &Deployment) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET status = $2, reason = $3, allowed = $4, soak_until = $5, forgiven_finished = $6, \
         forgiven_failures = $7, started_at = $8, ended_at = $9, revision = $10 WHERE id = $1",
    )
    .bind(deployment.id.as_str())
    .bind(word(&deployment.status))
    .bind(&deployment.reason)
    .bind(deployment.allowed.map(signed))
    .bind(deployment.soak_until.map(millis))
    .bind(signed(deployment.forgiven.finished))
    .bind(signed(deployment.forgiven.failures))
    .bind(deployment.started_at.map(millis))
    .bind(deployment.ended_at.map(millis))
    .bind(deployment.revision)
    .execute(connection)
    .await?;
    Ok(())
}

/// Fixes the versions that every device installs, where they are not fixed yet; whether they were not.
pub async fn freeze(
    connection: &mut AnyConnection,
    id: &DeploymentId,
    closure: &Closure,
    by: &DeviceId,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE deployments SET closure = $2, closure_by = $3, revision = revision + 1 \
         WHERE id = $1 AND closure IS NULL",
    )
    .bind(id.as_str())
    .bind(json(closure))
    .bind(by.as_str())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The name of a deployment that is not over, or still has devices at work, and brings this release.
pub async fn that_brings(connection: &mut AnyConnection, release: &ReleaseName) -> Result<Option<String>, StoreError> {
    let row = sqlx::query(
        "SELECT name FROM deployments WHERE device_type = $1 AND distribution = $2 AND version = $3 \
         AND kind = 'install' AND (status IN ('pending', 'in_progress', 'paused', 'halted') OR id IN (\
         SELECT deployment FROM assignments WHERE status IN ('offered', 'downloading', 'installing', 'verifying'))) \
         ORDER BY id LIMIT 1",
    )
    .bind(release.device_type.as_str())
    .bind(release.distribution.as_str())
    .bind(release.version.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("name")).transpose()?)
}

/// Forgets a deployment.
pub async fn delete(connection: &mut AnyConnection, id: &DeploymentId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM deployments WHERE id = $1").bind(id.as_str()).execute(connection).await?;
    Ok(())
}

/// The word that a plain enum is stored as: the one it has on the wire.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

fn of_word<T: DeserializeOwned>(record: Record<'_>, column: &str) -> Result<T, StoreError> {
    let text = record.text(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| record.wrong(column, error))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(row: &AnyRow) -> Result<Deployment, StoreError> {
    let record = Record::of("deployments", &["id"], row);
    let kind: DeploymentKind = of_word(record, "kind")?;
    let status: DeploymentStatus = of_word(record, "status")?;
    let release = match record.optional_parsed("version")? {
        Some(version) => Some(ReleaseName {
            device_type: record.parsed("device_type")?,
            distribution: record.parsed("distribution")?,
            version,
        }),
        None => None,
    };
    let frozen = match (record.optional_json("closure")?, record.optional_parsed("closure_by")?) {
        (Some(closure), Some(by)) => Some(Frozen { closure, by }),
        (Some(_) | None, _) => None,
    };
    Ok(Deployment {
        id: record.parsed("id")?,
        name: record.text("name")?,
        kind,
        release,
        channel: record.optional_number("channel")?,
        filter: record.json("filter")?,
        strategy: record.json("strategy")?,
        policy: record.json("policy")?,
        status,
        reason: record.text("reason")?,
        allowed: record.optional_number("allowed")?,
        soak_until: record.optional_instant("soak_until")?,
        forgiven: Forgiven {
            finished: record.number("forgiven_finished")?,
            failures: record.number("forgiven_failures")?,
        },
        frozen,
        revision: record.number("revision")?,
        created_at: record.instant("created_at")?,
        created_by: record.text("created_by")?,
        started_at: record.optional_instant("started_at")?,
        ended_at: record.optional_instant("ended_at")?,
    })
}
