//! Who can be offered something, and who works on it.

use std::collections::BTreeSet;

use belay_protocol::{DeploymentId, DeviceId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::read;
use crate::domain::{Assignment, Deployment, Device};
use crate::store::row::millis;
use crate::store::{StoreError, devices};

/// A part that can be offered now, and its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offerable {
    /// The part.
    pub assignment: Assignment,
    /// Its device.
    pub device: Device,
}

/// Parts that can be offered now: they wait for nothing, their device belongs to the fleet and was heard of, works on
/// nothing else, and no other deployment that runs goes first for it. Those that began before come first; then those
/// that were offered it less often, and then the deployment's order decides.
pub async fn candidates(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    now: Timestamp,
    heard_since: Timestamp,
    limit: u64,
) -> Result<Vec<Offerable>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    // One after the other, each in the order of the index: a long list of those who wait is not sorted for a few places.
    for begun in [1_i64, 0] {
        let left = limit - i64::try_from(found.len()).unwrap_or(limit);
        if left <= 0 {
            break;
        }
        let rows = sqlx::query(CANDIDATES)
            .bind(deployment.id.as_str())
            .bind(begun)
            .bind(millis(now))
            .bind(millis(heard_since))
            .bind(i64::from(deployment.policy.priority))
            .bind(millis(deployment.created_at))
            .bind(left)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            found.push(Offerable { assignment: read(row)?, device: devices::device(row)? });
        }
    }
    Ok(found)
}

/// Keeps devices as they are until this transaction ends: two deployments that are decided about at the same instant do
/// not both offer something to one device. Whoever reads candidates after this sees what the other did.
pub async fn hold_devices(connection: &mut AnyConnection, devices: &BTreeSet<DeviceId>) -> Result<(), StoreError> {
    // In one order everywhere, so that two who hold devices wait for one another and do not block one another.
    for device in devices {
        sqlx::query("UPDATE devices SET changed_at = changed_at WHERE id = $1")
            .bind(device.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The parts of a deployment that are in flight, in its order; and those that began, wait to be tried again, and whose
/// device was not heard of since: a wave would wait for them for ever.
pub async fn working(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    heard_since: Timestamp,
) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.* FROM assignments a LEFT JOIN devices d ON d.id = a.device WHERE a.deployment = $1 \
         AND (a.status IN ('offered', 'downloading', 'installing', 'verifying') OR (a.status = 'pending' \
         AND a.begun = 1 AND (d.last_seen IS NULL OR d.last_seen < $2))) ORDER BY a.rank, a.device",
    )
    .bind(deployment.as_str())
    .bind(millis(heard_since))
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

const CANDIDATES: &str = "SELECT a.*, d.* FROM assignments a JOIN devices d ON d.id = a.device \
    WHERE a.deployment = $1 AND a.status = 'pending' AND a.begun = $2 \
    AND (a.not_before IS NULL OR a.not_before <= $3) AND d.state = 'authorized' AND d.last_seen >= $4 \
    AND NOT EXISTS (SELECT 1 FROM assignments w WHERE w.device = a.device \
    AND w.status IN ('offered', 'downloading', 'installing', 'verifying')) \
    AND NOT EXISTS (SELECT 1 FROM assignments o JOIN deployments p ON p.id = o.deployment \
    WHERE o.device = a.device AND o.status = 'pending' AND o.deployment <> $1 AND p.status = 'in_progress' \
    AND (p.priority > $5 OR (p.priority = $5 AND (p.created_at > $6 OR (p.created_at = $6 AND p.id > $1))))) \
    ORDER BY a.attempt, a.rank, a.device LIMIT $7";
