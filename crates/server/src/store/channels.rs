//! The table `channels`: standing rules.

use belay_protocol::admin::ReleaseName;
use belay_protocol::{DeviceType, Distribution};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::{Record, millis};
use crate::domain::Channel;

/// Writes a new channel down.
pub async fn insert(connection: &mut AnyConnection, channel: &Channel) -> Result<(), StoreError> {
    let made = sqlx::query(
        "INSERT INTO channels \
         (id, device_type, distribution, name, target_version, active, deployment, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(channel.id)
    .bind(channel.device_type.as_str())
    .bind(channel.distribution.as_str())
    .bind(&channel.name)
    .bind(channel.target_version.as_str())
    .bind(i64::from(channel.active))
    .bind(channel.deployment.as_ref().map(|id| id.as_str()))
    .bind(millis(channel.created_at))
    .bind(millis(channel.updated_at))
    .execute(connection)
    .await;
    match made {
        // Another server gave the number or the name away in between.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::Stale),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// A number that no channel has.
pub async fn next_id(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS number FROM channels").fetch_one(connection).await?;
    Ok(row.try_get("number")?)
}

/// The channel of this number.
pub async fn by_id(connection: &mut AnyConnection, id: i64) -> Result<Option<Channel>, StoreError> {
    let row = sqlx::query(
        "SELECT id, device_type, distribution, name, target_version, active, deployment, created_at, updated_at \
         FROM channels WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The channels of one type and ring, the oldest first.
pub async fn of_ring(
    connection: &mut AnyConnection,
    device_type: &DeviceType,
    distribution: &Distribution,
) -> Result<Vec<Channel>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, device_type, distribution, name, target_version, active, deployment, created_at, updated_at \
         FROM channels WHERE device_type = $1 AND distribution = $2 ORDER BY id",
    )
    .bind(device_type.as_str())
    .bind(distribution.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

/// Channels in the order of their numbers, and how many there are on all pages. Empty texts ask for nothing.
pub async fn page(
    connection: &mut AnyConnection,
    device_type: &str,
    distribution: &str,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Channel>, u64), StoreError> {
    let count = sqlx::query(
        "SELECT COUNT(*) AS number FROM channels \
         WHERE ($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2)",
    )
    .bind(device_type)
    .bind(distribution)
    .fetch_one(&mut *connection)
    .await?;
    let rows = sqlx::query(
        "SELECT id, device_type, distribution, name, target_version, active, deployment, created_at, updated_at \
         FROM channels WHERE ($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2) \
         ORDER BY id LIMIT $3 OFFSET $4",
    )
    .bind(device_type)
    .bind(distribution)
    .bind(limit)
    .bind(offset)
    .fetch_all(connection)
    .await?;
    let channels = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((channels, u64::try_from(count.try_get::<i64, _>("number")?).unwrap_or_default()))
}

/// Writes down what changed in a channel, where its `updated_at` still is the one that was read.
pub async fn update(connection: &mut AnyConnection, read: &Channel, channel: &Channel) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE channels SET target_version = $1, active = $2, deployment = $3, updated_at = $4 \
         WHERE id = $5 AND updated_at = $6 AND target_version = $7 AND active = $8",
    )
    .bind(channel.target_version.as_str())
    .bind(i64::from(channel.active))
    .bind(channel.deployment.as_ref().map(|id| id.as_str()))
    .bind(millis(channel.updated_at))
    .bind(channel.id)
    .bind(millis(read.updated_at))
    .bind(read.target_version.as_str())
    .bind(i64::from(read.active))
    .execute(connection)
    .await;
    match done {
        // Another channel of the ring was switched on in between.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::Stale),
        Err(error) => Err(error.into()),
        Ok(done) if done.rows_affected() == 1 => Ok(()),
        Ok(_) => Err(StoreError::Stale),
    }
}

/// Forgets a channel, where it still has the deployment that was read: whoever changed it in between gave it another one,
/// and that would stand for nothing.
pub async fn delete(connection: &mut AnyConnection, read: &Channel) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM channels WHERE id = $1 AND updated_at = $2 AND COALESCE(deployment, '') = $3")
        .bind(read.id)
        .bind(millis(read.updated_at))
        .bind(read.deployment.as_ref().map_or("", |id| id.as_str()))
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// The name of a channel that points to this release, active or not.
pub async fn that_points_to(
    connection: &mut AnyConnection,
    release: &ReleaseName,
) -> Result<Option<String>, StoreError> {
    let row = sqlx::query(
        "SELECT name FROM channels WHERE device_type = $1 AND distribution = $2 AND target_version = $3 \
         ORDER BY id LIMIT 1",
    )
    .bind(release.device_type.as_str())
    .bind(release.distribution.as_str())
    .bind(release.version.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("name")).transpose()?)
}

fn read(row: &AnyRow) -> Result<Channel, StoreError> {
    let record = Record::of("channels", &["id"], row);
    Ok(Channel {
        id: record.number("id")?,
        device_type: record.parsed("device_type")?,
        distribution: record.parsed("distribution")?,
        name: record.text("name")?,
        target_version: record.parsed("target_version")?,
        active: record.truth("active")?,
        deployment: record.optional_parsed("deployment")?,
        created_at: record.instant("created_at")?,
        updated_at: record.instant("updated_at")?,
    })
}

#[cfg(test)]
mod tests;
