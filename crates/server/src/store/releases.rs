//! The table `releases`: what was published.

use belay_protocol::admin::ReleaseName;
use belay_protocol::bundle::SignedManifest;
use belay_protocol::{Distribution, PackageList, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::{Record, json, millis};
use crate::domain::{Demands, Payload, PayloadKind, Release};

/// Writes a new release down.
pub async fn insert(connection: &mut AnyConnection, release: &Release) -> Result<(), StoreError> {
    let made = sqlx::query(
        "INSERT INTO releases (device_type, distribution, version, kind, payload, sha256, notes, created_at, \
         created_by, artifact, signed, promoted_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(release.name.device_type.as_str())
    .bind(release.name.distribution.as_str())
    .bind(release.name.version.as_str())
    .bind(release.payload.kind().word())
    .bind(stored(&release.payload))
    .bind(release.sha256.to_string())
    .bind(&release.notes)
    .bind(millis(release.created_at))
    .bind(&release.created_by)
    .bind(release.payload.archive().map(|sha256| sha256.to_string()))
    .bind(i64::from(release.payload.is_signed()))
    .bind(release.promoted_from.as_ref().map(Distribution::as_str))
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
    let row = sqlx::query("SELECT * FROM releases WHERE device_type = $1 AND distribution = $2 AND version = $3")
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
        "SELECT * FROM releases WHERE ($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2) \
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

/// What a release asks of its devices, read without its content.
pub async fn demands(connection: &mut AnyConnection, name: &ReleaseName) -> Result<Option<Demands>, StoreError> {
    let row = sqlx::query(
        "SELECT device_type, distribution, version, kind, signed FROM releases \
         WHERE device_type = $1 AND distribution = $2 AND version = $3",
    )
    .bind(name.device_type.as_str())
    .bind(name.distribution.as_str())
    .bind(name.version.as_str())
    .fetch_optional(connection)
    .await?;
    let demands = |row: &AnyRow| {
        let record = record(row);
        Ok(Demands { kind: kind(record)?, signed: record.truth("signed")? })
    };
    row.as_ref().map(demands).transpose()
}

/// The artifacts that releases name.
pub async fn artifacts(connection: &mut AnyConnection) -> Result<Vec<Sha256>, StoreError> {
    let rows =
        sqlx::query("SELECT device_type, distribution, version, artifact FROM releases WHERE artifact IS NOT NULL")
            .fetch_all(connection)
            .await?;
    rows.iter().map(|row| record(row).parsed("artifact")).collect()
}

/// Whether a release names this artifact.
pub async fn names_artifact(connection: &mut AnyConnection, sha256: Sha256) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS number FROM releases WHERE artifact = $1")
        .bind(sha256.to_string())
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<i64, _>("number")? > 0)
}

/// Writes other notes on a release; whether it was there.
pub async fn write_notes(connection: &mut AnyConnection, name: &ReleaseName, notes: &str) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE releases SET notes = $4 WHERE device_type = $1 AND distribution = $2 AND version = $3")
            .bind(name.device_type.as_str())
            .bind(name.distribution.as_str())
            .bind(name.version.as_str())
            .bind(notes)
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// What a package list is stored as.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredPackages {
    packages: PackageList,
    approve: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<SignedManifest>,
}

/// What a bundle is stored as.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredBundle {
    sha256: Sha256,
    size: u64,
    url: Option<String>,
    manifest: SignedManifest,
    approve: Vec<String>,
}

fn stored(payload: &Payload) -> String {
    match payload.clone() {
        Payload::Packages { packages, approve, manifest } => json(&StoredPackages { packages, approve, manifest }),
        Payload::Bundle { sha256, size, url, manifest, approve } => {
            json(&StoredBundle { sha256, size, url, manifest, approve })
        }
    }
}

fn record(row: &AnyRow) -> Record<'_> {
    Record::of("releases", &["device_type", "distribution", "version"], row)
}

fn kind(record: Record<'_>) -> Result<PayloadKind, StoreError> {
    let word = record.text("kind")?;
    PayloadKind::of_word(&word).ok_or_else(|| record.wrong("kind", format!("{word:?} is no kind of payload")))
}

fn payload(record: Record<'_>) -> Result<Payload, StoreError> {
    Ok(match kind(record)? {
        PayloadKind::Packages => {
            let StoredPackages { packages, approve, manifest } = record.json("payload")?;
            Payload::Packages { packages, approve, manifest }
        }
        PayloadKind::Bundle => {
            let StoredBundle { sha256, size, url, manifest, approve } = record.json("payload")?;
            Payload::Bundle { sha256, size, url, manifest, approve }
        }
    })
}

fn read(row: &AnyRow) -> Result<Release, StoreError> {
    let record = record(row);
    Ok(Release {
        name: ReleaseName {
            device_type: record.parsed("device_type")?,
            distribution: record.parsed("distribution")?,
            version: record.parsed("version")?,
        },
        payload: payload(record)?,
        sha256: record.parsed("sha256")?,
        notes: record.text("notes")?,
        promoted_from: record.optional_parsed("promoted_from")?,
        created_at: record.instant("created_at")?,
        created_by: record.text("created_by")?,
    })
}
