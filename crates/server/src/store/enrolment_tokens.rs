//! Enrolment tokens.

use belay_protocol::admin::EnrolmentTokenView;
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::StoreError;
use super::row::{Record, json, millis};
use crate::auth::Digest;

/// Adds a token.
pub async fn insert(
    connection: &mut AnyConnection,
    token: &EnrolmentTokenView,
    digest: Digest,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO enrolment_tokens (id, hash, terms, used, uses, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(token.id.as_str())
    .bind(digest.to_text())
    .bind(json(&token.terms))
    .bind(i64::from(token.used))
    .bind(token.terms.uses.map(i64::from))
    .bind(millis(token.created_at))
    .bind(token.terms.expires_at.map(millis))
    .bind(token.revoked_at.map(millis))
    .execute(connection)
    .await?;
    Ok(())
}

/// A token and the digest of its secret.
pub async fn by_id(
    connection: &mut AnyConnection,
    id: &str,
) -> Result<Option<(EnrolmentTokenView, Digest)>, StoreError> {
    let row = sqlx::query("SELECT * FROM enrolment_tokens WHERE id = $1").bind(id).fetch_optional(connection).await?;
    row.map(|row| Ok((view(&row)?, super::digest(&record(&row), "hash")?))).transpose()
}

/// Counts one more use; `false` where the token has none left, ended or was revoked. Of many at once no more than there
/// are uses succeed: each changes the row that the others changed.
pub async fn take(connection: &mut AnyConnection, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE enrolment_tokens SET used = used + 1 WHERE id = $1 AND revoked_at IS NULL \
         AND (expires_at IS NULL OR expires_at > $2) AND (uses IS NULL OR used < uses)",
    )
    .bind(id)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Tokens, newest first, and how many there are.
pub async fn list(
    connection: &mut AnyConnection,
    (limit, offset): (i64, i64),
) -> Result<(Vec<EnrolmentTokenView>, u64), StoreError> {
    let rows = sqlx::query("SELECT * FROM enrolment_tokens ORDER BY id DESC LIMIT $1 OFFSET $2")
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut *connection)
        .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM enrolment_tokens").fetch_one(connection).await?;
    Ok((rows.iter().map(view).collect::<Result<_, _>>()?, total.unsigned_abs()))
}

/// Revokes a token; `false` where there is none that was not revoked before.
pub async fn revoke(connection: &mut AnyConnection, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE enrolment_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(millis(now))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn record(row: &AnyRow) -> Record<'_> {
    Record::of("enrolment_tokens", &["id"], row)
}

fn view(row: &AnyRow) -> Result<EnrolmentTokenView, StoreError> {
    let record = record(row);
    Ok(EnrolmentTokenView {
        id: record.text("id")?,
        terms: record.json("terms")?,
        used: record.number("used")?,
        created_at: record.instant("created_at")?,
        revoked_at: record.optional_instant("revoked_at")?,
    })
}
