//! The table `artifacts`: when each was last sent or named. Its bytes are kept elsewhere.

use belay_protocol::Sha256;
use jiff::Timestamp;
use sqlx::{AnyConnection, Row};

use super::StoreError;
use super::row::millis;

/// When an artifact was used, before now and now; in milliseconds, and never twice the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Before; none where nothing was known of it.
    pub before: Option<i64>,
    /// Now.
    pub now: i64,
}

/// Writes down that an artifact is used, and keeps others from removing it until the transaction ends.
pub async fn touch(connection: &mut AnyConnection, sha256: Sha256, now: Timestamp) -> Result<Use, StoreError> {
    let digest = sha256.to_string();
    let locked = "INSERT INTO artifacts (sha256, used_at) VALUES ($1, 0) \
        ON CONFLICT (sha256) DO UPDATE SET used_at = artifacts.used_at";
    sqlx::query(locked).bind(&digest).execute(&mut *connection).await?;
    let before = used_at(connection, &digest).await?;
    let now = millis(now).max(before + 1);
    sqlx::query("UPDATE artifacts SET used_at = $2 WHERE sha256 = $1")
        .bind(&digest)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(Use { before: (before > 0).then_some(before), now })
}

/// Forgets an artifact that was not used after `until`; whether it did. Nobody uses it until the transaction ends.
pub async fn forget(connection: &mut AnyConnection, sha256: Sha256, until: i64) -> Result<bool, StoreError> {
    let digest = sha256.to_string();
    // One that this table does not know was never named by a server that did.
    let known = "INSERT INTO artifacts (sha256, used_at) VALUES ($1, 0) ON CONFLICT (sha256) DO NOTHING";
    sqlx::query(known).bind(&digest).execute(&mut *connection).await?;
    let done = sqlx::query("DELETE FROM artifacts WHERE sha256 = $1 AND used_at <= $2")
        .bind(&digest)
        .bind(until)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn used_at(connection: &mut AnyConnection, digest: &str) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT used_at FROM artifacts WHERE sha256 = $1").bind(digest).fetch_one(connection).await?;
    Ok(row.try_get("used_at")?)
}
