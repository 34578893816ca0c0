//! The table `assignments`: every device's part in every deployment.

mod offers;
mod open;

use std::collections::BTreeMap;

use belay_protocol::{DeploymentId, DeviceId};
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::{Record, millis};
use crate::domain::rollout::Tally;
use crate::domain::{Assignment, AssignmentStatus};

pub use offers::{Offerable, candidates, hold_devices, working};
pub use open::{Brings, Open, open_for, open_of};

/// Writes new assignments down; one that is there already stays as it is. How many were new.
pub async fn insert(connection: &mut AnyConnection, assignments: &[Assignment]) -> Result<u64, StoreError> {
    let mut made = 0;
    for part in assignments.chunks(ROWS_AT_ONCE) {
        let row = |at: usize| {
            let places: Vec<_> = (1..=COLUMNS).map(|column| format!("${}", at * COLUMNS + column)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<_> = (0..part.len()).map(row).collect();
        let statement = format!("{INSERT} VALUES {} ON CONFLICT (deployment, device) DO NOTHING", rows.join(", "));
        // As many texts as there are lengths of lists: not worth being kept prepared.
        let mut query = sqlx::query(&statement).persistent(part.len() == 1);
        for assignment in part {
            query = query
                .bind(assignment.deployment.as_str())
                .bind(assignment.device.as_str())
                .bind(assignment.rank)
                .bind(assignment.status.word())
                .bind(i64::from(assignment.attempt))
                .bind(i64::from(assignment.failures))
                .bind(i64::from(assignment.begun))
                .bind(i64::from(assignment.cancel))
                .bind(assignment.reason.as_deref())
                .bind(&*assignment.message)
                .bind(assignment.not_before.map(millis))
                .bind(assignment.from_version.as_ref().map(|version| version.as_str()))
                .bind(assignment.offered_at.map(millis))
                .bind(assignment.started_at.map(millis))
                .bind(assignment.ended_at.map(millis));
        }
        made += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(made)
}

/// One device's part in one deployment.
pub async fn by_id(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    device: &DeviceId,
) -> Result<Option<Assignment>, StoreError> {
    let row = sqlx::query("SELECT * FROM assignments WHERE deployment = $1 AND device = $2")
        .bind(deployment.as_str())
        .bind(device.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The same, and nobody else changes it until this transaction ends.
pub async fn hold(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    device: &DeviceId,
) -> Result<Option<Assignment>, StoreError> {
    let held = sqlx::query("UPDATE assignments SET rank = rank WHERE deployment = $1 AND device = $2")
        .bind(deployment.as_str())
        .bind(device.as_str())
        .execute(&mut *connection)
        .await?;
    if held.rows_affected() == 0 { Ok(None) } else { by_id(connection, deployment, device).await }
}

/// Writes down what became of an assignment, where it still stands as it was read; whether it did.
pub async fn update(
    connection: &mut AnyConnection,
    read: &Assignment,
    assignment: &Assignment,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE assignments SET status = $3, attempt = $4, begun = $5, cancel = $6, reason = $7, message = $8, \
         not_before = $9, from_version = $10, offered_at = $11, started_at = $12, ended_at = $13, \
         failures = $17 WHERE deployment = $1 AND device = $2 AND status = $14 AND attempt = $15 AND cancel = $16",
    )
    .bind(assignment.deployment.as_str())
    .bind(assignment.device.as_str())
    .bind(assignment.status.word())
    .bind(i64::from(assignment.attempt))
    .bind(i64::from(assignment.begun))
    .bind(i64::from(assignment.cancel))
    .bind(assignment.reason.as_deref())
    .bind(&assignment.message)
    .bind(assignment.not_before.map(millis))
    .bind(assignment.from_version.as_ref().map(|version| version.as_str()))
    .bind(assignment.offered_at.map(millis))
    .bind(assignment.started_at.map(millis))
    .bind(assignment.ended_at.map(millis))
    .bind(read.status.word())
    .bind(i64::from(read.attempt))
    .bind(i64::from(read.cancel))
    .bind(i64::from(assignment.failures))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The parts of a device that are not over, or are in a deployment that is not.
pub async fn unsettled_of(connection: &mut AnyConnection, device: &DeviceId) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.* FROM assignments a JOIN deployments p ON p.id = a.deployment WHERE a.device = $1 \
         AND (a.status IN ('pending', 'offered', 'downloading', 'installing', 'verifying') \
         OR p.status IN ('pending', 'in_progress', 'paused', 'halted')) ORDER BY a.deployment",
    )
    .bind(device.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

/// A part, and when its device was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The part.
    pub assignment: Assignment,
    /// When its device was last heard of.
    pub last_seen: Option<Timestamp>,
}

/// Parts in a deployment that stand so, by device, beginning after one.
pub async fn after(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    status: AssignmentStatus,
    device: &str,
    limit: i64,
) -> Result<Vec<Heard>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.*, d.last_seen AS last_seen FROM assignments a LEFT JOIN devices d ON d.id = a.device \
         WHERE a.deployment = $1 AND a.device > $2 AND a.status = $3 ORDER BY a.device LIMIT $4",
    )
    .bind(deployment.as_str())
    .bind(device)
    .bind(status.word())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let heard = |row: &AnyRow| {
        let last_seen = Record::of("devices", &["device"], row).optional_instant("last_seen")?;
        Ok(Heard { assignment: read(row)?, last_seen })
    };
    rows.iter().map(heard).collect()
}

/// How the devices of a deployment stand, counted.
pub async fn tally(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    now: Timestamp,
) -> Result<Tally, StoreError> {
    // The latest of a group stands for all of it: they are all in the future, or all not.
    let rows = sqlx::query(
        "SELECT status, begun, why, later, MAX(not_before) AS not_before, COUNT(*) AS number FROM (\
         SELECT status, begun, not_before, CASE WHEN not_before > $2 THEN 1 ELSE 0 END AS later, \
         CASE WHEN status = 'skipped' THEN reason END AS why FROM assignments \
         WHERE deployment = $1) AS parts GROUP BY status, begun, why, later",
    )
    .bind(deployment.as_str())
    .bind(millis(now))
    .fetch_all(connection)
    .await?;
    let mut tally = Tally::default();
    for row in &rows {
        let record = Record::of("assignments", &["status"], row);
        let (status, begun) = (status(record)?, record.truth("begun")?);
        let not_before = record.optional_instant("not_before")?;
        let why = record.optional_text("why")?;
        for _ in 0..record.number::<u64>("number")? {
            tally.count(status, begun, why.as_deref(), not_before, now);
        }
    }
    Ok(tally)
}

/// How the devices of a deployment stand, by the words that people see: see `BUCKET`.
pub async fn buckets(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    now: Timestamp,
    heard_since: Timestamp,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let statement = format!(
        "SELECT {BUCKET} AS bucket, COUNT(*) AS number FROM assignments a LEFT JOIN devices d ON d.id = a.device \
         WHERE a.deployment = $1 GROUP BY 1"
    );
    let rows = sqlx::query(&statement)
        .bind(deployment.as_str())
        .bind(millis(now))
        .bind(millis(heard_since))
        .fetch_all(connection)
        .await?;
    let bucket = |row: &AnyRow| {
        let record = Record::of("assignments", &["bucket"], row);
        Ok((record.text("bucket")?, record.number("number")?))
    };
    rows.iter().map(bucket).collect()
}

/// A part as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The part.
    pub assignment: Assignment,
    /// Its bucket: see `BUCKET`.
    pub bucket: String,
    /// The device's host name.
    pub hostname: String,
}

/// Parts in a deployment, in its order, and how many there are on all pages. An empty bucket asks for nothing.
pub async fn page(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    bucket: &str,
    (now, heard_since): (Timestamp, Timestamp),
    (limit, offset): (i64, i64),
) -> Result<(Vec<Shown>, u64), StoreError> {
    let from = format!(
        "FROM (SELECT a.*, d.hostname AS hostname, {BUCKET} AS bucket FROM assignments a \
         LEFT JOIN devices d ON d.id = a.device WHERE a.deployment = $1) shown WHERE ($4 = '' OR bucket = $4)"
    );
    let count = format!("SELECT COUNT(*) AS number {from}");
    let count = sqlx::query(&count)
        .bind(deployment.as_str())
        .bind(millis(now))
        .bind(millis(heard_since))
        .bind(bucket)
        .fetch_one(&mut *connection)
        .await?;
    let rows = format!("SELECT * {from} ORDER BY rank, device LIMIT $5 OFFSET $6");
    let rows = sqlx::query(&rows)
        .bind(deployment.as_str())
        .bind(millis(now))
        .bind(millis(heard_since))
        .bind(bucket)
        .bind(limit)
        .bind(offset)
        .fetch_all(connection)
        .await?;
    let shown = |row: &AnyRow| {
        let record = Record::of("assignments", &["deployment", "device"], row);
        let hostname = record.optional_text("hostname")?.unwrap_or_default();
        Ok(Shown { assignment: read(row)?, bucket: record.text("bucket")?, hostname })
    };
    let shown = rows.iter().map(shown).collect::<Result<_, StoreError>>()?;
    Ok((shown, u64::try_from(count.try_get::<i64, _>("number")?).unwrap_or_default()))
}

/// Forgets every part in a deployment.
pub async fn delete_of(connection: &mut AnyConnection, deployment: &DeploymentId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM assignments WHERE deployment = $1").bind(deployment.as_str()).execute(connection).await?;
    Ok(())
}

fn status(record: Record<'_>) -> Result<AssignmentStatus, StoreError> {
    let word = record.text("status")?;
    let status = AssignmentStatus::ALL.iter().copied().find(|status| status.word() == word);
    status.ok_or_else(|| record.wrong("status", format!("{word:?} is no status")))
}

pub(super) fn read(row: &AnyRow) -> Result<Assignment, StoreError> {
    let record = Record::of("assignments", &["deployment", "device"], row);
    Ok(Assignment {
        deployment: record.parsed("deployment")?,
        device: record.parsed("device")?,
        rank: record.number("rank")?,
        status: status(record)?,
        attempt: record.number("attempt")?,
        failures: record.number("failures")?,
        begun: record.truth("begun")?,
        cancel: record.truth("cancel")?,
        reason: record.optional_text("reason")?,
        message: record.text("message")?,
        not_before: record.optional_instant("not_before")?,
        from_version: record.optional_parsed("from_version")?,
        offered_at: record.optional_instant("offered_at")?,
        started_at: record.optional_instant("started_at")?,
        ended_at: record.optional_instant("ended_at")?,
    })
}

/// The word that people see for a part: its status, with what waits told apart. The instants are `$2`, the present, and
/// `$3`, since when a device must have been heard of.
const BUCKET: &str = "CASE WHEN a.status <> 'pending' THEN a.status \
    WHEN d.last_seen IS NULL OR d.last_seen < $3 THEN 'offline' WHEN a.not_before > $2 THEN 'deferred' \
    ELSE 'waiting' END";

const INSERT: &str = "INSERT INTO assignments (deployment, device, rank, status, attempt, failures, begun, cancel, \
    reason, message, not_before, from_version, offered_at, started_at, ended_at)";

const COLUMNS: usize = 15;

/// A statement has at most 32,766 values.
const ROWS_AT_ONCE: usize = 1_000;
