//! The newest part that each device has in a deployment: what it is judged by.
//!
//! Names of deployments grow with time, so the greatest is the newest. Parts that were left out say nothing.

use std::collections::BTreeMap;

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, DeviceState};
use belay_protocol::{DeviceId, DeviceType, Distribution, ReleaseVersion};
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;

use crate::domain::AssignmentStatus;
use crate::store::StoreError;
use crate::store::row::Record;

/// A device's newest part in a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Where it stands.
    pub status: AssignmentStatus,
    /// What the deployment has its devices do.
    pub kind: DeploymentKind,
    /// What it brings, or takes away.
    pub version: Option<ReleaseVersion>,
    /// Where the deployment stands.
    pub deployment: DeploymentStatus,
}

/// The newest parts of these devices, at most 500.
pub async fn newest(
    connection: &mut AnyConnection,
    devices: &[DeviceId],
) -> Result<BTreeMap<DeviceId, Newest>, StoreError> {
    if devices.is_empty() {
        return Ok(BTreeMap::new());
    }
    let places: Vec<_> = (1..=devices.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT a.device, a.status AS part, e.kind, e.version, e.status AS campaign FROM assignments a JOIN \
         (SELECT device, MAX(deployment) AS deployment FROM assignments WHERE status <> 'skipped' \
         AND device IN ({}) GROUP BY device) n ON n.deployment = a.deployment AND n.device = a.device \
         JOIN deployments e ON e.id = a.deployment",
        places.join(", ")
    );
    let mut query = sqlx::query(&sql);
    for device in devices {
        query = query.bind(device.as_str());
    }
    let rows = query.fetch_all(connection).await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let record = Record::of("assignments", &["device"], row);
        if let Some(newest) = read(record)? {
            found.insert(record.parsed("device")?, newest);
        }
    }
    Ok(found)
}

/// Devices that are alike as far as a fleet's figures go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Whether they belong to the fleet.
    pub state: DeviceState,
    /// What kind of device.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// What they have, where it is known.
    pub installed: Option<ReleaseVersion>,
    /// Whether they measure what they have.
    pub reports_version: bool,
    /// Whether a person must look at them.
    pub needs_attention: bool,
    /// Whether they reported anything since they enrolled.
    pub reported: bool,
    /// Their newest part in a deployment.
    pub newest: Option<Newest>,
    /// How many they are.
    pub devices: u64,
}

/// The whole fleet in groups: as many rows as there are kinds of devices, however many devices there are.
pub async fn groups(connection: &mut AnyConnection) -> Result<Vec<Group>, StoreError> {
    let rows = sqlx::query(GROUPS).fetch_all(connection).await?;
    let group = |row: &sqlx::any::AnyRow| {
        let record = Record::of("devices", &["device_type", "distribution"], row);
        Ok(Group {
            state: super::state(&record)?,
            device_type: record.parsed("device_type")?,
            distribution: record.parsed("distribution")?,
            installed: record.optional_parsed("installed")?,
            reports_version: record.truth("measures")?,
            needs_attention: record.truth("attention")?,
            reported: record.truth("reported")?,
            newest: read(record)?,
            devices: record.number("devices")?,
        })
    };
    rows.iter().map(group).collect()
}

fn read(record: Record<'_>) -> Result<Option<Newest>, StoreError> {
    let Some(part) = record.optional_text("part")? else { return Ok(None) };
    let status = AssignmentStatus::ALL.iter().find(|status| status.word() == part);
    Ok(Some(Newest {
        status: *status.ok_or_else(|| record.wrong("status", format!("{part:?} is no status")))?,
        kind: word(record, "kind")?,
        version: record.optional_parsed("version")?,
        deployment: word(record, "campaign")?,
    }))
}

fn word<T: DeserializeOwned>(record: Record<'_>, column: &str) -> Result<T, StoreError> {
    let text = record.text(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| record.wrong(column, error))
}

/// The patterns look for our own JSON; within a text its quotes would be escaped.
const GROUPS: &str = "SELECT state, device_type, distribution, installed, measures, attention, reported, \
    part, kind, version, campaign, COUNT(*) AS devices FROM (\
    SELECT d.state, d.device_type, d.distribution, d.installed, \
    CASE WHEN d.profile LIKE '%\"reports_version\"%' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS measures, \
    CASE WHEN d.profile LIKE '%\"needs_attention\":true%' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS attention, \
    CASE WHEN d.profile_tag <> '' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS reported, \
    a.status AS part, e.kind AS kind, e.version AS version, e.status AS campaign \
    FROM devices d \
    LEFT JOIN (SELECT device, MAX(deployment) AS deployment FROM assignments WHERE status <> 'skipped' GROUP BY device) n \
    ON n.device = d.id \
    LEFT JOIN assignments a ON a.deployment = n.deployment AND a.device = n.device \
    LEFT JOIN deployments e ON e.id = n.deployment) AS fleet \
    GROUP BY state, device_type, distribution, installed, measures, attention, reported, part, kind, version, campaign";
