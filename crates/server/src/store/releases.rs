//! The table `releases`: what was published.

use belay_protocol::admin::ReleaseName;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::{Record, json, millis};
use crate::domain::{Payload, Release};

/// Writes a new release down.
pub async fn insert(connection: &mut AnyConnection, release: &Release) -> Result<(), StoreError> {
    let Payload::Packages { packages, approve } = &release.payload;
    let payload = Stored { packages: packages.clone(), approve: approve.clone() };
    let made = sqlx::query(
        "INSERT INTO releases \
         (device_type, distribution, version, kind, payload, sha256, notes, created_at, created_by) \
         VALUES ($1, $2, $3, 'packages', $4, $5, $6, $7, $8)",
    )
    .bind(release.name.device_type.as_str())
    .bind(release.name.distribution.as_str())
    .bind(release.name.version.as_str())
    .bind(json(&payload))
    .bind(release.sha256.to_string())
    .bind(&release.notes)
    .bind(millis(release.created_at))
    .bind(&release.created_by)
    .execute(connection)
    .await;
    match made {
        // Somebody else published it in between.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::Stale),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// The release of this name.
pub async fn by_name(connection: &mut AnyConnection, name: &ReleaseName) -> Result<Option<Release>, StoreError> {
    let row = sqlx::query(
        "SELECT device_type, distribution, version, kind, payload, sha256, notes, created_at, created_by \
         FROM releases WHERE device_type = $1 AND distribution = $2 AND version = $3",
    )
    .bind(name.device_type.as_str())
    .bind(name.distribution.as_str())
    .bind(name.version.as_str())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Releases, newest first, and how many there are on all pages. Empty texts ask for nothing.
pub async fn page(
    connection: &mut AnyConnection,
    device_type: &str,
    distribution: &str,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Release>, u64), StoreError> {
    let count = sqlx::query(
        "SELECT COUNT(*) AS number FROM releases \
         WHERE ($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2)",
    )
    .bind(device_type)
    .bind(distribution)
    .fetch_one(&mut *connection)
    .await?;
    let rows = sqlx::query(
        "SELECT device_type, distribution, version, kind, payload, sha256, notes, created_at, created_by FROM releases \
         WHERE ($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2) \
         ORDER BY created_at DESC, device_type, distribution, version LIMIT $3 OFFSET $4",
    )
    .bind(device_type)
    .bind(distribution)
    .bind(limit)
    .bind(offset)
    .fetch_all(connection)
    .await?;
    let releases = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((releases, u64::try_from(count.try_get::<i64, _>("number")?).unwrap_or_default()))
}

/// Forgets a release; whether it was there.
pub async fn delete(connection: &mut AnyConnection, name: &ReleaseName) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM releases WHERE device_type = $1 AND distribution = $2 AND version = $3")
        .bind(name.device_type.as_str())
        .bind(name.distribution.as_str())
        .bind(name.version.as_str())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps a release there until the transaction ends: who points at it and who deletes it do not miss one another.
pub async fn hold(connection: &mut AnyConnection, name: &ReleaseName) -> Result<bool, StoreError> {
    let held =
        sqlx::query("UPDATE releases SET notes = notes WHERE device_type = $1 AND distribution = $2 AND version = $3")
            .bind(name.device_type.as_str())
            .bind(name.distribution.as_str())
            .bind(name.version.as_str())
            .execute(connection)
            .await?;
    Ok(held.rows_affected() == 1)
}

/// What a payload of packages is stored as.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    packages: belay_protocol::PackageList,
    approve: Vec<String>,
}

fn read(row: &AnyRow) -> Result<Release, StoreError> {
    let record = Record::of("releases", &["device_type", "distribution", "version"], row);
    let kind = record.text("kind")?;
    if kind != "packages" {
        return Err(record.wrong("kind", format!("{kind:?} is no kind of payload")));
    }
    let Stored { packages, approve } = record.json("payload")?;
    Ok(Release {
        name: ReleaseName {
            device_type: record.parsed("device_type")?,
            distribution: record.parsed("distribution")?,
            version: record.parsed("version")?,
        },
        payload: Payload::Packages { packages, approve },
        sha256: record.parsed("sha256")?,
        notes: record.text("notes")?,
        created_at: record.instant("created_at")?,
        created_by: record.text("created_by")?,
    })
}
