//! The audit log: what operators did, and what the server did to devices on its own.

use belay_protocol::DeviceId;
use belay_protocol::admin::AuditEntry;
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Record, millis};
use super::{StoreError, id};
use crate::service::Actor;

/// What is written when a device is forgotten. Other servers on the same database learn of it from this entry: there is
/// no row left that could tell them.
pub const DEVICE_DELETED: &str = "device.delete";

/// Adds an entry, in the transaction that does what it tells of.
pub async fn write(
    connection: &mut AnyConnection,
    now: Timestamp,
    actor: &Actor,
    action: &str,
    target: &str,
    detail: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit (id, at, actor, action, target, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id::new("a", now))
        .bind(millis(now))
        .bind(actor.0.as_str())
        .bind(action)
        .bind(target)
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries, newest first, and how many there are; empty texts ask for nothing.
pub async fn list(
    connection: &mut AnyConnection,
    actor: &str,
    action: &str,
    (limit, offset): (i64, i64),
) -> Result<(Vec<AuditEntry>, u64), StoreError> {
    let condition = "($1 = '' OR actor = $1) AND ($2 = '' OR action = $2)";
    let rows = sqlx::query(&format!("SELECT * FROM audit WHERE {condition} ORDER BY id DESC LIMIT $3 OFFSET $4"))
        .bind(actor)
        .bind(action)
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut *connection)
        .await?;
    let total: i64 = sqlx::query_scalar(&format!("SELECT COUNT(*) FROM audit WHERE {condition}"))
        .bind(actor)
        .bind(action)
        .fetch_one(connection)
        .await?;
    Ok((rows.iter().map(entry).collect::<Result<_, _>>()?, total.unsigned_abs()))
}

/// Devices that were forgotten since `since`, in milliseconds.
pub(crate) async fn deleted_devices(connection: &mut AnyConnection, since: i64) -> Result<Vec<DeviceId>, StoreError> {
    let rows = sqlx::query("SELECT id, target FROM audit WHERE at >= $1 AND action = $2")
        .bind(since)
        .bind(DEVICE_DELETED)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Record::of("audit", &["id"], row).parsed("target")).collect()
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let record = Record::of("audit", &["id"], row);
    Ok(AuditEntry {
        id: record.text("id")?,
        at: record.instant("at")?,
        actor: record.text("actor")?,
        action: record.text("action")?,
        target: record.text("target")?,
        detail: record.text("detail")?,
    })
}
