//! Reports of devices on their assignments.

use belay_protocol::PackageList;
use belay_protocol::admin::{DeploymentKind, DeviceState};
use belay_protocol::sync::Report;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::engine;
use crate::domain::rollout::Act;
use crate::domain::{Assignment, AssignmentStatus, Deployment, Device, Payload, progress};
use crate::store::{StoreError, assignments, deployments, releases, targets};

/// Takes one new report into the assignment that it is about, in the transaction that makes it durable and has locked
/// the device. A device in quarantine may end what it was at and no more. A report on no assignment, or on one that is gone, changes nothing. Whether the engine should look now.
pub(crate) async fn take_report(
    connection: &mut AnyConnection,
    device: &Device,
    report: &Report,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(about) = &report.assignment else { return Ok(false) };
    let Some(part) = assignments::hold(connection, &about.deployment, &device.id).await? else { return Ok(false) };
    let Some(deployment) = deployments::by_id(connection, &about.deployment).await? else { return Ok(false) };
    let authorized = device.state == DeviceState::Authorized;
    if !authorized && !part.status.is_in_flight() {
        return Ok(false);
    }
    if authorized {
        freeze(connection, device, &part, &deployment, report, now).await?;
    }
    let Some(after) = progress::reported(&part, &deployment, report, now) else { return Ok(false) };
    if !assignments::update(connection, &part, &after).await? {
        return Err(StoreError::Stale);
    }
    if part.status != after.status && after.status == AssignmentStatus::Completed {
        went_back(connection, &deployment, device, now).await?;
    }
    Ok(part.status != after.status)
}

/// Fixes the versions for all devices, where this report is the first that tells them; or says why it does not.
async fn freeze(
    connection: &mut AnyConnection,
    device: &Device,
    part: &Assignment,
    deployment: &Deployment,
    report: &Report,
    now: Timestamp,
) -> Result<(), StoreError> {
    if part.status == AssignmentStatus::Completed || !progress::is_first_end(part, deployment, report) {
        return Ok(());
    }
    let release = match &deployment.release {
        Some(name) => releases::by_name(connection, name).await?,
        None => None,
    };
    let listed = release.map(|release| match release.payload {
        Payload::Packages { packages, .. } => packages,
        // What it declares stands in the archive, which only devices read: whatever they resolved is fixed, be it nothing.
        Payload::Bundle { .. } => PackageList::default(),
    });
    let decision = progress::frozen(part, report, listed.as_ref(), &device.profile.facts.architecture);
    if let Act::Freeze { frozen } = &decision.act
        && !deployments::freeze(connection, &deployment.id, &frozen.closure, &frozen.by).await?
    {
        // Another device was first.
        return Ok(());
    }
    engine::record(connection, &deployment.id, &decision, now).await
}

/// What a device went back from is no longer on it: the deployments that brought it say so.
pub(super) async fn went_back(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    device: &Device,
    now: Timestamp,
) -> Result<(), StoreError> {
    match deployment.kind {
        DeploymentKind::Install => return Ok(()),
        DeploymentKind::RollBack => {}
    }
    let version = deployment.release.as_ref().map(|name| &name.version);
    for part in targets::completed_towards(connection, &device.id, version).await? {
        let undone = Assignment {
            status: AssignmentStatus::RolledBack,
            reason: Some("rolled_back".to_owned()),
            message: format!("taken back by the deployment {:?}", deployment.name),
            ended_at: Some(now),
            ..part.clone()
        };
        if !assignments::update(connection, &part, &undone).await? {
            return Err(StoreError::Stale);
        }
    }
    Ok(())
}
