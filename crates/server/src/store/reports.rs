//! What devices reported: each report once, kept as history even where its deployment or its device is gone.

use belay_protocol::DeviceId;
use belay_protocol::admin::ReportView;
use belay_protocol::sync::Report;
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::StoreError;
use super::row::{Record, json, millis};

/// Adds a report; `false` where it is there already.
pub async fn insert(
    connection: &mut AnyConnection,
    device: &DeviceId,
    outbox: &str,
    report: &Report,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO reports (device, outbox, seq, deployment, received_at, report) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (device, outbox, seq) DO NOTHING",
    )
    .bind(device.as_str())
    .bind(outbox)
    .bind(i64::try_from(report.seq).unwrap_or(i64::MAX))
    .bind(report.assignment.as_ref().map(|assignment| assignment.deployment.as_str()))
    .bind(millis(now))
    .bind(json(report))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The greatest number taken from one outbox; 0 where none was.
pub async fn last(connection: &mut AnyConnection, device: &DeviceId, outbox: &str) -> Result<u64, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM reports WHERE device = $1 AND outbox = $2")
        .bind(device.as_str())
        .bind(outbox)
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default().unsigned_abs())
}

/// Reports of a device, newest first, and how many there are.
pub async fn list(
    connection: &mut AnyConnection,
    device: &DeviceId,
    (limit, offset): (i64, i64),
) -> Result<(Vec<ReportView>, u64), StoreError> {
    let rows = sqlx::query(
        "SELECT r.device, r.outbox, r.seq, r.received_at, r.report, d.id AS deployment \
         FROM reports r LEFT JOIN deployments d ON d.id = r.deployment \
         WHERE r.device = $1 ORDER BY r.received_at DESC, r.seq DESC LIMIT $2 OFFSET $3",
    )
    .bind(device.as_str())
    .bind(limit)
    .bind(offset)
    .fetch_all(&mut *connection)
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM reports WHERE device = $1")
        .bind(device.as_str())
        .fetch_one(connection)
        .await?;
    Ok((rows.iter().map(view).collect::<Result<_, _>>()?, total.unsigned_abs()))
}

/// Deletes at most `limit` of the reports that were received before an instant, the oldest first; how many. What was
/// acknowledged last stays known: it stands with the device.
pub async fn delete_before(connection: &mut AnyConnection, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM reports WHERE (device, outbox, seq) IN \
         (SELECT device, outbox, seq FROM reports WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
    )
    .bind(millis(before))
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

fn view(row: &AnyRow) -> Result<ReportView, StoreError> {
    let record = Record::of("reports", &["device", "outbox", "seq"], row);
    Ok(ReportView {
        received_at: record.instant("received_at")?,
        deployment: record.optional_parsed("deployment")?,
        report: record.json("report")?,
    })
}
