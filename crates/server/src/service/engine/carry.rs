//! Carries a decision out on the devices' parts, and writes it down.

use std::collections::BTreeSet;

use belay_protocol::{DeploymentId, DeviceId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::Moment;
use crate::domain::rollout::{Act, Decision};
use crate::domain::{Assignment, AssignmentStatus, Deployment, progress};
use crate::service::deployments::take_latecomers;
use crate::store::assignments::{self, Heard, Offerable, hold_devices};
use crate::store::{StoreError, decisions};

/// Does to the parts of a deployment what was decided. The deployment's own fields are left to
/// [`apply`](crate::domain::rollout::apply).
pub(in crate::service) async fn carry(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    decision: &Decision,
    offerable: &[Offerable],
    moment: Moment,
) -> Result<(), StoreError> {
    let now = moment.now;
    match &decision.act {
        Act::Offer { devices } => offer(connection, devices, offerable, now).await,
        Act::Withdraw { device } => {
            one(connection, deployment, device, |part| progress::withdrawn(part, deployment, now)).await
        }
        Act::TimeOut { device } => one(connection, deployment, device, |part| progress::timed_out(part, now)).await,
        Act::GiveUp => {
            let reachable = |heard: &Heard| heard.last_seen.is_some_and(|seen| seen >= moment.heard_since);
            let change = |heard: &Heard| progress::given_up(&heard.assignment, reachable(heard), now);
            each(connection, deployment, &[AssignmentStatus::Pending], change).await
        }
        Act::Cancel => {
            let change = |heard: &Heard| progress::cancelled(&heard.assignment, now);
            each(connection, deployment, OPEN, change).await
        }
        Act::Retry { .. } => {
            let change = |heard: &Heard| progress::retried(&heard.assignment);
            each(connection, deployment, ENDED, change).await
        }
        Act::Start { .. } => take_latecomers(connection, deployment, now).await,
        Act::Soak { .. }
        | Act::Widen { .. }
        | Act::Halt
        | Act::Finish { .. }
        | Act::Freeze { .. }
        | Act::LeaveOpen
        | Act::Pause
        | Act::Resume { .. } => Ok(()),
    }
}

/// Writes a decision down, with its reason and what it was decided on.
pub(in crate::service) async fn record(
    connection: &mut AnyConnection,
    deployment: &DeploymentId,
    decision: &Decision,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut inputs = decision.inputs.clone();
    if let Act::Offer { devices } = &decision.act {
        let names: Vec<_> = devices.iter().map(DeviceId::as_str).collect();
        inputs.insert("devices".to_owned(), names.into());
    }
    decisions::insert(connection, deployment, now, decision.act.word(), &decision.reason, &inputs).await
}

async fn offer(
    connection: &mut AnyConnection,
    devices: &[DeviceId],
    offerable: &[Offerable],
    now: Timestamp,
) -> Result<(), StoreError> {
    for device in devices {
        let Some(found) = offerable.iter().find(|offerable| offerable.device.id == *device) else {
            return Err(StoreError::Stale);
        };
        let offered = progress::offered(&found.assignment, &found.device, now);
        changed(connection, &found.assignment, &offered).await?;
    }
    Ok(())
}

/// Changes the part of one device that is in flight, or began and is to be tried again.
async fn one(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    device: &DeviceId,
    change: impl FnOnce(&Assignment) -> Assignment,
) -> Result<(), StoreError> {
    // The device first, as a sync does: who takes them in another order blocks and is blocked.
    hold_devices(connection, &BTreeSet::from([device.clone()])).await?;
    let Some(part) = assignments::by_id(connection, &deployment.id, device).await? else {
        return Err(StoreError::Stale);
    };
    let to_be_tried_again = part.begun && part.status == AssignmentStatus::Pending;
    if !part.status.is_in_flight() && !to_be_tried_again {
        // Its report came in between: what was decided was decided on something else.
        return Err(StoreError::Stale);
    }
    let after = change(&part);
    changed(connection, &part, &after).await
}

/// Changes every part that stands so, where there is something to change. A device may report meanwhile and move its part
/// from what is still to be read to what was read already; what was changed stays, because its row is held.
async fn each(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    statuses: &[AssignmentStatus],
    change: impl Fn(&Heard) -> Option<Assignment>,
) -> Result<(), StoreError> {
    while pass(connection, deployment, statuses, &change).await? > 0 {}
    Ok(())
}

/// Looks at every part that stands so once, in pages; how many were changed.
async fn pass(
    connection: &mut AnyConnection,
    deployment: &Deployment,
    statuses: &[AssignmentStatus],
    change: &impl Fn(&Heard) -> Option<Assignment>,
) -> Result<u64, StoreError> {
    let mut number = 0;
    for status in statuses {
        let mut last = String::new();
        loop {
            let page = assignments::after(connection, &deployment.id, *status, &last, AT_ONCE).await?;
            for heard in &page {
                number += u64::from(moved(connection, heard, change).await?);
            }
            match page.last() {
                Some(heard) => heard.assignment.device.as_str().clone_into(&mut last),
                None => break,
            }
        }
    }
    Ok(number)
}

/// Changes one part; where its device reported since it was read, as it stands now. One report must not undo the work on
/// all the others.
async fn moved(
    connection: &mut AnyConnection,
    heard: &Heard,
    change: &impl Fn(&Heard) -> Option<Assignment>,
) -> Result<bool, StoreError> {
    let Some(after) = change(heard) else { return Ok(false) };
    if assignments::update(connection, &heard.assignment, &after).await? {
        return Ok(true);
    }
    let (deployment, device) = (&heard.assignment.deployment, &heard.assignment.device);
    let Some(assignment) = assignments::hold(connection, deployment, device).await? else { return Ok(false) };
    let Some(after) = change(&Heard { assignment: assignment.clone(), ..heard.clone() }) else { return Ok(false) };
    changed(connection, &assignment, &after).await?;
    Ok(true)
}

async fn changed(connection: &mut AnyConnection, read: &Assignment, after: &Assignment) -> Result<(), StoreError> {
    if assignments::update(connection, read, after).await? { Ok(()) } else { Err(StoreError::Stale) }
}

const OPEN: &[AssignmentStatus] = &[
    AssignmentStatus::Pending,
    AssignmentStatus::Offered,
    AssignmentStatus::Downloading,
    AssignmentStatus::Installing,
    AssignmentStatus::Verifying,
];

const ENDED: &[AssignmentStatus] =
    &[AssignmentStatus::Failed, AssignmentStatus::RolledBack, AssignmentStatus::Silent, AssignmentStatus::Skipped];

const AT_ONCE: i64 = 1_000;
