//! The way back, for one device or for all that a deployment reached: a deployment of its own, which goes first.

use belay_protocol::admin::{
    DeploymentKind, DeploymentStatus, DeploymentView, DeviceState, FilterText, Policy, ReleaseName, Strategy,
};
use belay_protocol::{DeploymentId, DeviceId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::make::new_id;
use super::{anew, cancel, missing};
use crate::domain::{AssignmentStatus, Demands, Deployment, Device, Forgiven, counted};
use crate::service::engine::Moment;
use crate::service::{Actor, Kind, Service, ServiceError, membership};
use crate::store::{StoreError, assignments, audit, channels, deployments, devices};

impl Service {
    /// Ends it and takes back every device that has the release, by a deployment of its own. Where it stands for a
    /// channel, the channel is switched off: it would bring the release again.
    pub async fn roll_back_deployment(&self, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView, ServiceError> {
        let made = anew(|| {
            let moment = self.moment();
            self.store.write(move |connection| {
                let (id, actor) = (id.clone(), actor.clone());
                Box::pin(async move { roll_back_all(connection, &id, &actor, moment).await })
            })
        });
        let made = made.await??;
        self.engine.notify_one();
        self.deployment(&made).await
    }

    /// Takes one device back one generation, by a deployment of its own.
    pub async fn roll_back_device(&self, actor: &Actor, id: &DeviceId) -> Result<DeploymentView, ServiceError> {
        let now = self.clock.now();
        let made = self.store.write(|connection| {
            let (id, actor) = (id.clone(), actor.clone());
            Box::pin(async move { roll_back_one(connection, &id, &actor, now).await })
        });
        let made = made.await??;
        self.engine.notify_one();
        self.deployment(&made).await
    }
}

async fn roll_back_all(
    connection: &mut AnyConnection,
    id: &DeploymentId,
    actor: &Actor,
    moment: Moment,
) -> Result<Result<DeploymentId, ServiceError>, StoreError> {
    let Some(mut original) = deployments::take(connection, id).await? else { return Ok(Err(missing(id))) };
    let (done, at_work) = reached(connection, &original).await?;
    let number = done.len() + at_work.len();
    if original.kind == DeploymentKind::RollBack || number == 0 {
        let message = "no device has anything of this deployment; there is nothing to go back from";
        return Ok(Err(ServiceError::new(Kind::Conflict, "nothing_to_roll_back", message)));
    }
    cancel(connection, &mut original, moment).await?;
    switch_off(connection, &original, actor, moment.now).await?;
    let name = format!("back from {}", original.name);
    let devices = done.iter().chain(&at_work);
    let back = way_back(name, original.release.clone(), devices, actor, moment.now);
    let done = done.iter().map(|device| membership::part(&back, Demands::NONE, device, moment.now));
    let at_work = at_work.iter().map(|device| membership::part_at_work(&back, Demands::NONE, device, moment.now));
    let parts: Vec<_> = done.chain(at_work).collect();
    deployments::insert(connection, &back).await?;
    assignments::insert(connection, &parts).await?;
    let detail = format!("{}, by the deployment {}", counted(number as u64, "device"), back.id);
    audit::write(connection, moment.now, actor, "deployment.roll_back", id.as_str(), &detail).await?;
    Ok(Ok(back.id))
}

async fn roll_back_one(
    connection: &mut AnyConnection,
    id: &DeviceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Result<DeploymentId, ServiceError>, StoreError> {
    let Some(device) = devices::by_id(connection, id).await? else {
        return Ok(Err(ServiceError::not_found("device", id)));
    };
    if device.state != DeviceState::Authorized {
        let message = format!("the device {id} does not belong to the fleet; let it in first");
        return Ok(Err(ServiceError::new(Kind::Conflict, "not_authorized", message)));
    }
    let installed = device.profile.installed.release.clone().filter(|_| device.reports_version());
    let release = installed.map(|version| ReleaseName {
        device_type: device.device_type.clone(),
        distribution: device.distribution.clone(),
        version,
    });
    let back = way_back(format!("{id} back"), release, std::iter::once(&device), actor, now);
    let part = membership::part(&back, Demands::NONE, &device, now);
    if part.status == AssignmentStatus::Skipped {
        return Ok(Err(ServiceError::new(Kind::Conflict, "cannot_roll_back", part.message)));
    }
    deployments::insert(connection, &back).await?;
    assignments::insert(connection, &[part]).await?;
    let detail = format!("by the deployment {}", back.id);
    audit::write(connection, now, actor, "device.roll_back", id.as_str(), &detail).await?;
    Ok(Ok(back.id))
}

/// The devices that have the release by this deployment, and those that may come to have it.
async fn reached(
    connection: &mut AnyConnection,
    original: &Deployment,
) -> Result<(Vec<Device>, Vec<Device>), StoreError> {
    let (mut done, mut at_work) = (Vec::new(), Vec::new());
    for status in HAVING {
        let mut last = String::new();
        loop {
            let page = assignments::after(connection, &original.id, *status, &last, AT_ONCE).await?;
            let Some(final_one) = page.last() else { break };
            final_one.assignment.device.as_str().clone_into(&mut last);
            for heard in &page {
                let of = if status.is_in_flight() { &mut at_work } else { &mut done };
                of.extend(devices::by_id(connection, &heard.assignment.device).await?);
            }
        }
    }
    Ok((done, at_work))
}

async fn switch_off(
    connection: &mut AnyConnection,
    original: &Deployment,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = original.channel else { return Ok(()) };
    let Some(channel) = channels::by_id(connection, id).await? else { return Ok(()) };
    if channel.deployment.as_ref() != Some(&original.id) {
        return Ok(());
    }
    let mut off = channel.clone();
    off.active = false;
    off.deployment = None;
    off.updated_at = now;
    channels::update(connection, &channel, &off).await?;
    audit::write(connection, now, actor, "channel.update", &id.to_string(), "off, its devices are taken back").await
}

fn way_back<'d>(
    name: String,
    release: Option<ReleaseName>,
    reached: impl Iterator<Item = &'d Device>,
    actor: &Actor,
    now: Timestamp,
) -> Deployment {
    let policy = Policy { priority: FIRST, late_joiners: false, max_failure_percent: 100, ..Policy::default() };
    Deployment {
        id: new_id(now),
        name,
        kind: DeploymentKind::RollBack,
        release,
        channel: None,
        filter: FilterText {
            device_ids: reached.map(|device| device.id.to_string()).collect(),
            ..FilterText::default()
        },
        strategy: Strategy::Immediate,
        policy,
        status: DeploymentStatus::Pending,
        reason: "not begun".to_owned(),
        allowed: None,
        soak_until: None,
        forgiven: Forgiven::default(),
        frozen: None,
        revision: 0,
        created_at: now,
        created_by: actor.0.clone(),
        started_at: None,
        ended_at: None,
    }
}

const HAVING: &[AssignmentStatus] = &[
    AssignmentStatus::Completed,
    AssignmentStatus::Offered,
    AssignmentStatus::Downloading,
    AssignmentStatus::Installing,
    AssignmentStatus::Verifying,
];

/// More than an operator can give: a way back goes before everything else.
const FIRST: i32 = 1_000;

const AT_ONCE: i64 = 1_000;
