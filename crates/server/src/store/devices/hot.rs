//! What a sync needs of the table `devices`: who may speak, and when each was last heard of.

use belay_protocol::DeviceId;
use belay_protocol::admin::DeviceState;
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::auth::Digest;
use crate::domain::Device;
use crate::store::row::{Record, millis};
use crate::store::{StoreError, digest};

/// What must be known of a device to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The device.
    pub id: DeviceId,
    /// Whether it belongs to the fleet.
    pub state: DeviceState,
    /// The digest of its key.
    pub key: Digest,
    /// The tag of the profile that is known.
    pub profile_tag: String,
    /// Which state of the device this is: later ones have greater numbers.
    pub changed_at: i64,
}

/// A device that this transaction has for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// What is known of it.
    pub device: Device,
    /// What must be known of it to answer it.
    pub keyed: Keyed,
    /// The last hardware that it named.
    pub hardware: String,
}

/// Takes a device for this transaction alone and reads it; none where there is none.
pub async fn lock(connection: &mut AnyConnection, id: &DeviceId, now: Timestamp) -> Result<Option<Locked>, StoreError> {
    let row = sqlx::query(
        "UPDATE devices SET changed_at = CASE WHEN changed_at < $2 THEN $2 ELSE changed_at + 1 END WHERE id = $1 \
         RETURNING *",
    )
    .bind(id.as_str())
    .bind(millis(now))
    .fetch_optional(connection)
    .await?;
    let locked = |row: AnyRow| {
        let hardware = Record::of("devices", &["id"], &row).text("hardware")?;
        Ok(Locked { device: super::device(&row)?, keyed: read(&row)?, hardware })
    };
    row.map(locked).transpose()
}

/// What must be known of one device to answer it.
pub async fn keyed(connection: &mut AnyConnection, id: &DeviceId) -> Result<Option<Keyed>, StoreError> {
    let sql = "SELECT id, state, key_hash, profile_tag, changed_at FROM devices WHERE id = $1";
    let row = sqlx::query(sql).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// The same of every device that changed since `since`, in milliseconds.
pub async fn changed_since(connection: &mut AnyConnection, since: i64) -> Result<Vec<Keyed>, StoreError> {
    let sql = "SELECT id, state, key_hash, profile_tag, changed_at FROM devices WHERE changed_at >= $1";
    let rows = sqlx::query(sql).bind(since).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

/// Writes that these devices, at most [`SEEN_AT_ONCE`], were heard of at `at`, where nothing later is known.
pub async fn seen(connection: &mut AnyConnection, at: Timestamp, devices: &[DeviceId]) -> Result<(), StoreError> {
    let Some(last) = devices.last() else { return Ok(()) };
    let mut query = sqlx::query(seen_sql()).bind(millis(at));
    // One text of the statement for any number of devices, so that it is prepared once: the last one fills it up.
    for device in devices.iter().chain(std::iter::repeat(last)).take(SEEN_AT_ONCE) {
        query = query.bind(device.as_str());
    }
    query.execute(connection).await?;
    Ok(())
}

/// The most devices that [`seen`] takes.
pub const SEEN_AT_ONCE: usize = 250;

fn seen_sql() -> &'static str {
    static SQL: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    SQL.get_or_init(|| {
        let places: Vec<_> = (0..SEEN_AT_ONCE).map(|at| format!("${}", at + 2)).collect();
        let places = places.join(", ");
        format!("UPDATE devices SET last_seen = $1 WHERE id IN ({places}) AND (last_seen IS NULL OR last_seen < $1)")
    })
}

fn read(row: &AnyRow) -> Result<Keyed, StoreError> {
    let record = Record::of("devices", &["id"], row);
    Ok(Keyed {
        id: record.parsed("id")?,
        state: super::state(&record)?,
        key: digest(&record, "key_hash")?,
        profile_tag: record.text("profile_tag")?,
        changed_at: record.number("changed_at")?,
    })
}
