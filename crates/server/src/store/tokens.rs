//! Operator tokens.

use belay_protocol::admin::{Permission, TokenView};
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::StoreError;
use super::row::{Record, json, millis};
use crate::auth::Digest;

/// Adds a token.
pub async fn insert(connection: &mut AnyConnection, token: &TokenView, digest: Digest) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tokens (id, name, hash, permissions, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(token.id.as_str())
    .bind(token.name.as_str())
    .bind(digest.to_text())
    .bind(json(&token.permissions))
    .bind(millis(token.created_at))
    .bind(token.expires_at.map(millis))
    .bind(token.revoked_at.map(millis))
    .execute(connection)
    .await?;
    Ok(())
}

/// A token and the digest of its secret.
pub async fn by_id(connection: &mut AnyConnection, id: &str) -> Result<Option<(TokenView, Digest)>, StoreError> {
    let row = sqlx::query("SELECT * FROM tokens WHERE id = $1").bind(id).fetch_optional(connection).await?;
    row.map(|row| Ok((view(&row)?, super::digest(&record(&row), "hash")?))).transpose()
}

/// Tokens, newest first, and how many there are.
pub async fn list(
    connection: &mut AnyConnection,
    (limit, offset): (i64, i64),
) -> Result<(Vec<TokenView>, u64), StoreError> {
    let rows = sqlx::query("SELECT * FROM tokens ORDER BY id DESC LIMIT $1 OFFSET $2")
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut *connection)
        .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tokens").fetch_one(connection).await?;
    Ok((rows.iter().map(view).collect::<Result<_, _>>()?, total.unsigned_abs()))
}

/// Revokes a token; `false` where there is none that was not revoked before.
pub async fn revoke(connection: &mut AnyConnection, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(millis(now))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn record(row: &AnyRow) -> Record<'_> {
    Record::of("tokens", &["id"], row)
}

fn view(row: &AnyRow) -> Result<TokenView, StoreError> {
    let record = record(row);
    Ok(TokenView {
        id: record.text("id")?,
        name: record.text("name")?,
        permissions: record.json::<Vec<Permission>>("permissions")?,
        created_at: record.instant("created_at")?,
        expires_at: record.optional_instant("expires_at")?,
        revoked_at: record.optional_instant("revoked_at")?,
    })
}
