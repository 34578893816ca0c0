//! The devices that a deployment may reach: read in pages by whoever makes one.

use belay_protocol::{DeviceId, DeviceType, ReleaseVersion};
use sqlx::AnyConnection;

use super::devices::device;
use super::{StoreError, assignments};
use crate::domain::{Assignment, Device};

/// Devices of a type that belong to the fleet, by name, beginning after one. At most [`AT_ONCE`].
pub async fn after(
    connection: &mut AnyConnection,
    device_type: &DeviceType,
    after: &str,
) -> Result<Vec<Device>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM devices WHERE device_type = $1 AND state = 'authorized' AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(device_type.as_str())
    .bind(after)
    .bind(AT_ONCE)
    .fetch_all(connection)
    .await?;
    rows.iter().map(device).collect()
}

/// The newest part that a device had in bringing it this version.
pub async fn newest_towards(
    connection: &mut AnyConnection,
    device: &DeviceId,
    version: &ReleaseVersion,
) -> Result<Option<Assignment>, StoreError> {
    let row = sqlx::query(
        "SELECT a.* FROM assignments a JOIN deployments p ON p.id = a.deployment \
         WHERE a.device = $1 AND p.version = $2 AND p.kind = 'install' ORDER BY p.created_at DESC, p.id DESC LIMIT 1",
    )
    .bind(device.as_str())
    .bind(version.as_str())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(assignments::read).transpose()
}

/// The parts that brought a device this version, and are done; the newest that brought it anything, where no version is
/// known.
pub async fn completed_towards(
    connection: &mut AnyConnection,
    device: &DeviceId,
    version: Option<&ReleaseVersion>,
) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.* FROM assignments a JOIN deployments p ON p.id = a.deployment \
         WHERE a.device = $1 AND a.status = 'completed' AND p.kind = 'install' AND ($2 = '' OR p.version = $2) \
         ORDER BY p.created_at DESC, p.id DESC LIMIT $3",
    )
    .bind(device.as_str())
    .bind(version.map_or("", ReleaseVersion::as_str))
    .bind(if version.is_some() { i64::MAX } else { 1 })
    .fetch_all(connection)
    .await?;
    rows.iter().map(assignments::read).collect()
}

/// How many devices a page has.
pub const AT_ONCE: i64 = 1_000;
