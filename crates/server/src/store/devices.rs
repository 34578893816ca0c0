//! Devices: what is known of each. The statements that a sync needs are in [`hot`].
//!
//! Every write that another server must learn of moves `changed_at`: to the present, and always forward, so that of two
//! states of one device the later one can be told whatever the clocks do.

pub mod hot;
mod newest;
mod select;

use std::collections::BTreeSet;

use belay_protocol::admin::DeviceState;
use belay_protocol::sync::Profile;
use belay_protocol::{DeviceId, DeviceType, Distribution, ReleaseVersion, Tag};
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

pub use newest::{Group, Newest, groups, newest};
pub use select::{Selection, count, count_in, list};

use super::StoreError;
use super::row::{Record, json, millis};
use crate::auth::Digest;
use crate::domain::{Device, OutboxMark};

/// Adds a device; [`StoreError::Stale`] where its enrolment is there already.
pub async fn insert(
    connection: &mut AnyConnection,
    device: &Device,
    key: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO devices (id, state, device_type, distribution, tags, enrolment, identity, hardware, key_hash, \
         hostname, profile_tag, profile, installed, outbox, outbox_seq, last_seen, enrolled_at, changed_at, problem) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
         ON CONFLICT (enrolment) DO NOTHING",
    )
    .bind(device.id.as_str())
    .bind(state_word(device.state))
    .bind(device.device_type.as_str())
    .bind(device.distribution.as_str())
    .bind(json(&device.tags))
    .bind(device.enrolment.as_str())
    .bind(device.identity.as_str())
    .bind(device.profile.facts.hardware.as_str())
    .bind(key.to_text())
    .bind(device.profile.facts.hostname.as_str())
    .bind(device.profile_tag.as_str())
    .bind(json(&device.profile))
    .bind(installed(device))
    .bind(device.outbox.outbox.as_str())
    .bind(i64::try_from(device.outbox.seq).unwrap_or(i64::MAX))
    .bind(device.last_seen.map(millis))
    .bind(millis(device.enrolled_at))
    .bind(millis(now))
    .bind(device.problem.as_deref())
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

/// Takes the next hardware that the device names as its own: of two machines that claimed to be it, a person has chosen,
/// and which of them spoke last means nothing.
pub async fn forget_hardware(connection: &mut AnyConnection, id: &DeviceId) -> Result<(), StoreError> {
    sqlx::query("UPDATE devices SET hardware = '' WHERE id = $1").bind(id.as_str()).execute(connection).await?;
    Ok(())
}

/// Writes everything of a device that can change, apart from its key and from when it was last heard of. Which state of
/// the device this is then.
pub async fn update(connection: &mut AnyConnection, device: &Device, now: Timestamp) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "UPDATE devices SET state = $2, device_type = $3, distribution = $4, tags = $5, \
         hardware = CASE WHEN $6 = '' THEN hardware ELSE $6 END, hostname = $7, profile_tag = $8, profile = $9, \
         installed = $10, outbox = $11, outbox_seq = $12, problem = $13, \
         changed_at = CASE WHEN changed_at < $14 THEN $14 ELSE changed_at + 1 END WHERE id = $1 \
         RETURNING id, changed_at",
    )
    .bind(device.id.as_str())
    .bind(state_word(device.state))
    .bind(device.device_type.as_str())
    .bind(device.distribution.as_str())
    .bind(json(&device.tags))
    .bind(device.profile.facts.hardware.as_str())
    .bind(device.profile.facts.hostname.as_str())
    .bind(device.profile_tag.as_str())
    .bind(json(&device.profile))
    .bind(installed(device))
    .bind(device.outbox.outbox.as_str())
    .bind(i64::try_from(device.outbox.seq).unwrap_or(i64::MAX))
    .bind(device.problem.as_deref())
    .bind(millis(now))
    .fetch_optional(connection)
    .await?;
    row.map_or(Err(StoreError::Stale), |row| Record::of("devices", &["id"], &row).number("changed_at"))
}

/// Gives a device another key; the one before means nothing from then on.
pub async fn replace_key(
    connection: &mut AnyConnection,
    id: &DeviceId,
    key: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE devices SET key_hash = $2, changed_at = CASE WHEN changed_at < $3 THEN $3 ELSE changed_at + 1 END \
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(key.to_text())
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// One device.
pub async fn by_id(connection: &mut AnyConnection, id: &DeviceId) -> Result<Option<Device>, StoreError> {
    let row = sqlx::query("SELECT * FROM devices WHERE id = $1").bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(device).transpose()
}

/// The device that this enrolment made.
pub async fn by_enrolment(connection: &mut AnyConnection, enrolment: &str) -> Result<Option<Device>, StoreError> {
    let row =
        sqlx::query("SELECT * FROM devices WHERE enrolment = $1").bind(enrolment).fetch_optional(connection).await?;
    row.as_ref().map(device).transpose()
}

/// Another device of this identity.
pub async fn other_of_identity(
    connection: &mut AnyConnection,
    identity: &str,
    enrolment: &str,
) -> Result<Option<DeviceId>, StoreError> {
    let row = sqlx::query("SELECT id FROM devices WHERE identity = $1 AND enrolment <> $2 ORDER BY id LIMIT 1")
        .bind(identity)
        .bind(enrolment)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Record::of("devices", &["id"], &row).parsed("id")).transpose()
}

/// A device of this identity that is not let in.
pub async fn unauthorized_of_identity(
    connection: &mut AnyConnection,
    identity: &str,
) -> Result<Option<DeviceId>, StoreError> {
    let row = sqlx::query("SELECT id FROM devices WHERE identity = $1 AND state <> $2 ORDER BY id LIMIT 1")
        .bind(identity)
        .bind(state_word(DeviceState::Authorized))
        .fetch_optional(connection)
        .await?;
    row.map(|row| Record::of("devices", &["id"], &row).parsed("id")).transpose()
}

/// Forgets a device and its parts in deployments; `false` where there is none.
pub async fn delete(connection: &mut AnyConnection, id: &DeviceId) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM assignments WHERE device = $1").bind(id.as_str()).execute(&mut *connection).await?;
    let done = sqlx::query("DELETE FROM devices WHERE id = $1").bind(id.as_str()).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// The word that is stored for a state.
pub fn state_word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Pending => "pending",
        DeviceState::Authorized => "authorized",
        DeviceState::Quarantined => "quarantined",
        DeviceState::Revoked => "revoked",
    }
}

/// Versions that devices of a type and ring have as measured, each with how many have it and one of them. Devices that
/// were shut out do not count.
pub async fn installed_in(
    connection: &mut AnyConnection,
    device_type: &DeviceType,
    distribution: &Distribution,
) -> Result<Vec<(ReleaseVersion, u64, DeviceId)>, StoreError> {
    let rows = sqlx::query(
        "SELECT installed, COUNT(*) AS number, MIN(id) AS id FROM devices WHERE device_type = $1 \
         AND distribution = $2 AND installed IS NOT NULL AND state <> 'revoked' GROUP BY installed ORDER BY installed",
    )
    .bind(device_type.as_str())
    .bind(distribution.as_str())
    .fetch_all(connection)
    .await?;
    let version = |row: &AnyRow| {
        let record = Record::of("devices", &["id"], row);
        Ok((record.parsed("installed")?, record.number("number")?, record.parsed("id")?))
    };
    rows.iter().map(version).collect()
}

/// The state that a word stands for.
pub fn state_of(word: &str) -> Option<DeviceState> {
    let all = [DeviceState::Pending, DeviceState::Authorized, DeviceState::Quarantined, DeviceState::Revoked];
    all.into_iter().find(|state| state_word(*state) == word)
}

/// The release that a device has, where what it reports means anything.
fn installed(device: &Device) -> Option<&str> {
    let release = device.profile.installed.release.as_ref();
    release.filter(|_| device.reports_version()).map(|release| release.as_str())
}

fn state(record: &Record<'_>) -> Result<DeviceState, StoreError> {
    let word = record.text("state")?;
    state_of(&word).ok_or_else(|| record.wrong("state", format!("{word:?} is no state")))
}

/// Reads a whole row.
pub(super) fn device(row: &AnyRow) -> Result<Device, StoreError> {
    let record = Record::of("devices", &["id"], row);
    Ok(Device {
        id: record.parsed("id")?,
        state: state(&record)?,
        device_type: record.parsed("device_type")?,
        distribution: record.parsed("distribution")?,
        tags: record.json::<BTreeSet<Tag>>("tags")?,
        enrolment: record.text("enrolment")?,
        identity: record.text("identity")?,
        profile_tag: record.text("profile_tag")?,
        profile: record.json::<Profile>("profile")?,
        outbox: OutboxMark { outbox: record.text("outbox")?, seq: record.number("outbox_seq")? },
        last_seen: record.optional_instant("last_seen")?,
        enrolled_at: record.instant("enrolled_at")?,
        problem: record.optional_text("problem")?,
    })
}
