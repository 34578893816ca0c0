//! What devices are to be told of the parts that are in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_protocol::admin::DeploymentKind;
use belay_protocol::sync::{Action, Assignment as Order, AssignmentRef};
use belay_protocol::{Closure, DeploymentId, DeviceId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{Deployment, Payload, Release};
use crate::store::row::Record;
use crate::store::{StoreError, deployments, releases};

/// What a device is to be told at its next sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The device.
    pub device: DeviceId,
    /// Which attempt of which deployment.
    pub id: AssignmentRef,
    /// What it is to do: one for all devices of a deployment.
    pub brings: Arc<Brings>,
    /// Whether it is asked to drop it.
    pub cancel: bool,
}

/// What every device of a deployment is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brings {
    /// The deed.
    pub action: Action,
    /// Seconds over which devices spread it.
    pub spread_s: u32,
}

impl Open {
    /// What the device is told.
    pub fn order(&self) -> Order {
        Order { id: self.id.clone(), action: self.brings.action.clone(), spread_s: self.brings.spread_s }
    }
}

/// What every device is to be told: read once, then kept up with [`open_of`]. Of a device with something to drop and
/// something to do, what it is to do comes last.
pub async fn open_for(connection: &mut AnyConnection) -> Result<Vec<Open>, StoreError> {
    let rows = sqlx::query(&format!("SELECT {PART} FROM assignments WHERE {OPEN} ORDER BY device, {URGENCY}"))
        .fetch_all(&mut *connection)
        .await?;
    told(connection, &rows).await
}

/// What this device is to be told; none where there is nothing.
pub async fn open_of(connection: &mut AnyConnection, device: &DeviceId) -> Result<Option<Open>, StoreError> {
    let rows =
        sqlx::query(&format!("SELECT {PART} FROM assignments WHERE device = $1 AND ({OPEN}) ORDER BY {URGENCY}"))
            .bind(device.as_str())
            .fetch_all(&mut *connection)
            .await?;
    Ok(told(connection, &rows).await?.pop())
}

/// Joins parts with what their deployments bring; each deployment and release is read once.
async fn told(connection: &mut AnyConnection, rows: &[AnyRow]) -> Result<Vec<Open>, StoreError> {
    let mut known: BTreeMap<DeploymentId, Option<Arc<Brings>>> = BTreeMap::new();
    let mut open = Vec::with_capacity(rows.len());
    for row in rows {
        let record = Record::of("assignments", &["deployment", "device"], row);
        let deployment: DeploymentId = record.parsed("deployment")?;
        if !known.contains_key(&deployment) {
            let brings = brings(connection, &deployment).await?.map(Arc::new);
            known.insert(deployment.clone(), brings);
        }
        let Some(Some(brings)) = known.get(&deployment) else { continue };
        open.push(Open {
            device: record.parsed("device")?,
            brings: Arc::clone(brings),
            id: AssignmentRef { deployment, attempt: record.number("attempt")? },
            cancel: record.truth("cancel")?,
        });
    }
    Ok(open)
}

async fn brings(connection: &mut AnyConnection, id: &DeploymentId) -> Result<Option<Brings>, StoreError> {
    let Some(deployment) = deployments::by_id(connection, id).await? else { return Ok(None) };
    let release = match &deployment.release {
        Some(name) => releases::by_name(connection, name).await?,
        None => None,
    };
    let spread_s = deployment.policy.spread_s;
    Ok(action(deployment, release).map(|action| Brings { action, spread_s }))
}

fn action(deployment: Deployment, release: Option<Release>) -> Option<Action> {
    match deployment.kind {
        DeploymentKind::RollBack => Some(Action::RollBack { release: deployment.release.map(|name| name.version) }),
        DeploymentKind::Install => {
            let named = !deployment.filter.device_ids.is_empty();
            Some(install(release?, deployment.frozen.map(|frozen| frozen.closure), named))
        }
    }
}

fn install(release: Release, closure: Option<Closure>, named: bool) -> Action {
    let version = release.name.version;
    match release.payload {
        Payload::Packages { packages, approve, manifest } => {
            let approve = approved(approve, named);
            Action::InstallPackages { release: version, packages, closure, approve, manifest }
        }
        Payload::Bundle { sha256, size, url, manifest, approve } => {
            let (manifest, approve) = (Some(manifest), approved(approve, named));
            Action::InstallBundle { release: version, sha256, size, url, manifest, closure, approve }
        }
    }
}

fn approved(mut approve: Vec<String>, named: bool) -> Vec<String> {
    if named && !approve.iter().any(|code| code == DENIED) {
        approve.push(DENIED.to_owned());
    }
    approve
}

/// A device that was asked for by name takes a release again that it went back from.
const DENIED: &str = "denied";

/// In flight; or taken back, should the device have heard of it.
const OPEN: &str = "status IN ('offered', 'downloading', 'installing', 'verifying') \
    OR (cancel = 1 AND status = 'pending')";

/// All that is read of a part: there may be tens of thousands.
const PART: &str = "deployment, device, attempt, cancel";

const URGENCY: &str = "CASE WHEN status = 'pending' THEN 0 ELSE 1 END, offered_at, deployment";
