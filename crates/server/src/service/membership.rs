//! Devices that come to match a deployment while it runs, or no longer do.

use belay_protocol::admin::{DeploymentKind, DeviceState, FleetState, ReleaseName};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::progress::went_back;
use crate::domain::exclusion::{self, Exclusion, NOT_AUTHORIZED};
use crate::domain::filter::Filter;
use crate::domain::{Assignment, AssignmentStatus, Demands, Deployment, Device, fleet, order, progress};
use crate::store::{StoreError, assignments, deployments, releases, targets};

/// Brings a device's assignments in line with what is now true of it: called in the transaction that writes the device,
/// after it enrolled, was let in, or its type, ring, tags or measured version changed. Whether the engine should look now.
pub(crate) async fn refresh(
    connection: &mut AnyConnection,
    device: &Device,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut changed = false;
    for part in assignments::unsettled_of(connection, &device.id).await? {
        let Some(deployment) = deployments::by_id(connection, &part.deployment).await? else { continue };
        changed |= review(connection, &deployment, device, now).await?;
        if device.state == DeviceState::Authorized {
            changed |= readmit(connection, &deployment, device, now).await?;
        }
    }
    if device.state == DeviceState::Authorized {
        for deployment in deployments::open_for_type(connection, &device.device_type).await? {
            changed |= join(connection, &deployment, device, now).await?;
        }
    }
    Ok(changed)
}

/// The part that a device gets in a deployment that selects it. One that cannot take part, or where there is nothing to
/// do, is left out with the reason.
/// `demands` is what its release asks of devices: see [`demands`].
pub(super) fn part(deployment: &Deployment, demands: Demands, device: &Device, now: Timestamp) -> Assignment {
    let version = deployment.release.as_ref().map(|name| &name.version);
    let part = part_at_work(deployment, demands, device, now);
    match exclusion::needless(device, deployment.kind, version) {
        Some(needless) if part.status == AssignmentStatus::Pending => left_out(part, needless, now),
        Some(_) | None => part,
    }
}

/// The same for a device that is being changed: what is installed now says nothing about when its turn comes.
pub(super) fn part_at_work(deployment: &Deployment, demands: Demands, device: &Device, now: Timestamp) -> Assignment {
    let part = Assignment {
        deployment: deployment.id.clone(),
        device: device.id.clone(),
        rank: order::rank(&deployment.id, &device.id),
        status: AssignmentStatus::Pending,
        attempt: 0,
        failures: 0,
        begun: false,
        cancel: false,
        reason: None,
        message: String::new(),
        not_before: None,
        from_version: None,
        offered_at: None,
        started_at: None,
        ended_at: None,
    };
    match exclusion::exclusion(device, deployment.kind, &deployment.strategy, demands) {
        Some(excluded) => left_out(part, excluded, now),
        None => part,
    }
}

/// What the release of a deployment asks of its devices; nothing where there is none to install.
pub(super) async fn demands(connection: &mut AnyConnection, deployment: &Deployment) -> Result<Demands, StoreError> {
    match (deployment.kind, &deployment.release) {
        (DeploymentKind::Install, Some(name)) => {
            Ok(releases::demands(connection, name).await?.unwrap_or(Demands::NONE))
        }
        (DeploymentKind::Install, None) | (DeploymentKind::RollBack, _) => Ok(Demands::NONE),
    }
}

fn left_out(part: Assignment, why: Exclusion, now: Timestamp) -> Assignment {
    Assignment {
        status: AssignmentStatus::Skipped,
        reason: Some(why.code.to_owned()),
        message: why.message,
        ended_at: Some(now),
        ..part
    }
}

/// How a device stands towards what a deployment brings, where its filter asks for that.
pub(super) async fn standing(
    connection: &mut AnyConnection,
    filter: &Filter,
    release: Option<&ReleaseName>,
    device: &Device,
) -> Result<FleetState, StoreError> {
    match release {
        Some(release) if filter.asks_for_state() => {
            let newest = targets::newest_towards(connection, &device.id, &release.version).await?;
            Ok(fleet::state(device, Some(&release.version), newest.as_ref()))
        }
        Some(_) | None => Ok(FleetState::Unknown),
    }
}

/// Looks at a part once more: its device was measured anew, or is no longer meant.
async fn review(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    device: &Device,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(part) = assignments::hold(connection, &deployment.id, &device.id).await? else { return Ok(false) };
    let after = match progress::remeasured(&part, deployment, device, now) {
        Some(after) => Some(after),
        None if part.status == AssignmentStatus::Pending => left(&part, deployment, device, now),
        None => None,
    };
    let Some(after) = after else { return Ok(false) };
    if !assignments::update(connection, &part, &after).await? {
        return Err(StoreError::Stale);
    }
    if part.status != after.status && after.status == AssignmentStatus::Completed {
        went_back(connection, deployment, device, now).await?;
    }
    Ok(true)
}

/// The part of a device that waits and is not meant any more.
fn left(part: &Assignment, deployment: &Deployment, device: &Device, now: Timestamp) -> Option<Assignment> {
    let message = match device.state {
        DeviceState::Authorized => {
            if deployment.kind == DeploymentKind::RollBack {
                return None;
            }
            // How a device stands changes with every attempt; that is no reason to leave it out.
            let filter = Filter::parse(&deployment.filter, deployment.release.as_ref()).ok()?;
            if part.begun || filter.asks_for_state() || filter.selects(device, FleetState::Unknown) {
                return None;
            }
            "the device is no longer one that the deployment selects"
        }
        DeviceState::Pending | DeviceState::Quarantined | DeviceState::Revoked => {
            "the device does not belong to the fleet; let it in and it joins again"
        }
    };
    Some(Assignment {
        status: AssignmentStatus::Skipped,
        reason: Some(NOT_SELECTED.to_owned()),
        message: message.to_owned(),
        ended_at: Some(now),
        ..part.clone()
    })
}

/// Gives a device back the part that it lost while it did not belong to the fleet, or was not selected. Unlike one that
/// joins it was meant from the start, so this holds for explicit devices and ways back too.
async fn readmit(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    device: &Device,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(before) = assignments::by_id(connection, &deployment.id, &device.id).await? else { return Ok(false) };
    let left_out = before.reason.as_deref().is_some_and(|reason| [NOT_SELECTED, NOT_AUTHORIZED].contains(&reason));
    if before.status != AssignmentStatus::Skipped || !left_out || deployment.is_over() {
        return Ok(false);
    }
    if deployment.kind == DeploymentKind::Install {
        let Ok(filter) = Filter::parse(&deployment.filter, deployment.release.as_ref()) else { return Ok(false) };
        let state = standing(connection, &filter, deployment.release.as_ref(), device).await?;
        if !filter.selects(device, state) {
            return Ok(false);
        }
    }
    let part = part(deployment, demands(connection, deployment).await?, device, now);
    if part.status != AssignmentStatus::Pending || !deployments::keep_open(connection, &deployment.id).await? {
        return Ok(false);
    }
    // Reports on attempts that it was told of before must not be taken for reports on the next one.
    let again = Assignment {
        attempt: before.attempt,
        failures: before.failures,
        begun: before.begun,
        cancel: before.cancel,
        from_version: before.from_version.clone(),
        ..part
    };
    assignments::update(connection, &before, &again).await
}

/// Gives a device its part in a deployment that runs and has come to select it.
async fn join(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    device: &Device,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if !deployment.policy.late_joiners {
        return Ok(false);
    }
    let Ok(filter) = Filter::parse(&deployment.filter, deployment.release.as_ref()) else { return Ok(false) };
    if filter.names_devices() {
        return Ok(false);
    }
    let before = assignments::by_id(connection, &deployment.id, &device.id).await?;
    // One that was left out and may be in it now has been readmitted; any other end is its end.
    if before.is_some() {
        return Ok(false);
    }
    let state = standing(connection, &filter, deployment.release.as_ref(), device).await?;
    if !filter.selects(device, state) || !deployments::keep_open(connection, &deployment.id).await? {
        return Ok(false);
    }
    let part = part(deployment, demands(connection, deployment).await?, device, now);
    Ok(assignments::insert(connection, &[part]).await? == 1)
}

/// A waiting device that a deployment came to mean no longer.
const NOT_SELECTED: &str = "not_selected";
