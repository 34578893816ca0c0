//! `belayctl device …`

mod logs;

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, stdin};

use belay_protocol::admin::{DeploymentView, DeviceState, DeviceView, UpdateDevice};
use belay_protocol::{DeviceId, Tag};
use serde::Serialize;
use utoipa::ToSchema;

use super::{all, named, watch};
use crate::arguments::{Device, DeviceFilter, WatchArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

/// A device that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedDevice {
    /// Its name.
    #[schema(value_type = String)]
    pub(crate) deleted: DeviceId,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Device) -> Result<Exit, CtlError> {
    match verb {
        Device::List(filter) => {
            let devices: Vec<DeviceView> = all(client, &["devices"], &query(filter)).await?;
            output.answer(&devices, |devices, page| render::device::list(devices, page));
        }
        Device::Show { device } => {
            let id = named::device(client, &device).await?;
            let device: DeviceView = client.fetch(&["devices", id.as_str()], &[]).await?;
            output.answer(&device, render::device::one);
        }
        Device::Logs { device, lines, deployment, follow } => {
            let wanted = logs::Wanted::named(client, &device, lines, deployment.as_deref()).await?;
            return logs::logs(client, output, &wanted, follow).await;
        }
        Device::Approve { devices, all_pending, yes } => {
            let devices = if all_pending { pending(client, output, yes).await? } else { ids(client, &devices).await? };
            let Some(devices) = devices else {
                output.tell("no device was let in");
                return Ok(Exit::Refused);
            };
            return approve(client, output, &devices).await;
        }
        Device::Revoke { device } => {
            let id = named::device(client, &device).await?;
            let device: DeviceView = client.order(&["devices", id.as_str(), "revoke"]).await?;
            output.answer(&device, render::device::one);
        }
        Device::Tag { device, tags, add, remove, none: _ } => {
            let id = named::device(client, &device).await?;
            let tags = tagged(client, &id, tags, add, &remove).await?;
            change(client, output, &id, &UpdateDevice { tags: Some(tags), ..UpdateDevice::default() }).await?;
        }
        Device::Move { device, device_type, distribution } => {
            let id = named::device(client, &device).await?;
            let to = UpdateDevice { device_type, distribution, ..UpdateDevice::default() };
            change(client, output, &id, &to).await?;
        }
        Device::Rollback { device, no_wait } => {
            let id = named::device(client, &device).await?;
            return roll_back(client, output, &id, no_wait).await;
        }
        Device::Delete { device } => {
            let deleted = named::device(client, &device).await?;
            client.delete(&["devices", deleted.as_str()]).await?;
            let gone = DeletedDevice { deleted };
            output.answer(&gone, |gone, _| format!("device {} is forgotten", gone.deleted));
        }
    }
    Ok(Exit::Done)
}

fn query(filter: DeviceFilter) -> [(&'static str, String); 6] {
    let DeviceFilter { device_type, distribution, tag, fleet_state, state, search } = filter;
    [
        ("device_type", device_type.map(String::from).unwrap_or_default()),
        ("distribution", distribution.map(String::from).unwrap_or_default()),
        ("tag", tag.map(String::from).unwrap_or_default()),
        ("fleet_state", fleet_state.to_uppercase().replace([' ', '-'], "_")),
        ("state", state.to_lowercase()),
        ("search", search),
    ]
}

async fn change(client: &Client, output: &Output, id: &DeviceId, to: &UpdateDevice) -> Result<(), CtlError> {
    let device: DeviceView = client.patch(&["devices", id.as_str()], to).await?;
    output.answer(&device, render::device::one);
    Ok(())
}

/// All tags that the device is to have.
async fn tagged(
    client: &Client,
    id: &DeviceId,
    tags: Vec<Tag>,
    add: Vec<Tag>,
    remove: &[Tag],
) -> Result<BTreeSet<Tag>, CtlError> {
    if add.is_empty() && remove.is_empty() {
        return Ok(tags.into_iter().collect());
    }
    let device: DeviceView = client.fetch(&["devices", id.as_str()], &[]).await?;
    Ok(device.tags.into_iter().filter(|tag| !remove.contains(tag)).chain(add).collect())
}

/// Goes with it to the end, as the agent's own command does.
async fn roll_back(client: &Client, output: &Output, id: &DeviceId, no_wait: bool) -> Result<Exit, CtlError> {
    let deployment: DeploymentView = client.order(&["devices", id.as_str(), "rollback"]).await?;
    if no_wait {
        output.answer(&deployment, render::deployment::made);
        return Ok(Exit::Done);
    }
    output.tell(&render::deployment::made(&deployment, &output.page_of_news()));
    watch::watch(client, output, &deployment.id, &WatchArguments::default()).await
}

async fn ids(client: &Client, devices: &[String]) -> Result<Option<Vec<DeviceId>>, CtlError> {
    let mut ids = Vec::new();
    for device in devices {
        ids.push(named::device(client, device).await?);
    }
    Ok(Some(ids))
}

/// All devices that wait, after a person has seen which; none where that person does not want them.
async fn pending(client: &Client, output: &Output, yes: bool) -> Result<Option<Vec<DeviceId>>, CtlError> {
    let filter = DeviceFilter { state: PENDING.to_owned(), ..DeviceFilter::default() };
    let devices: Vec<DeviceView> = all(client, &["devices"], &query(filter)).await?;
    let devices: Vec<DeviceView> = devices.into_iter().filter(|device| device.state == DeviceState::Pending).collect();
    if !devices.is_empty() && !yes {
        if !output.is_watched() || !stdin().is_terminal() {
            return Err(CtlError::Usage("nobody can be asked here: say --yes to let all of them in".to_owned()));
        }
        output.tell(&render::device::list(&devices, &output.page_of_news()));
        output.tell(&format!("let all {} in? [y/N]", devices.len()));
        let mut answer = String::new();
        let _ = stdin().lock().read_line(&mut answer);
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(None);
        }
    }
    Ok(Some(devices.into_iter().map(|device| device.id).collect()))
}

/// Lets each device in; one that is refused does not keep the others out.
async fn approve(client: &Client, output: &Output, devices: &[DeviceId]) -> Result<Exit, CtlError> {
    let (mut approved, mut refused) = (Vec::new(), None);
    for id in devices {
        match client.order::<DeviceView>(&["devices", id.as_str(), "approve"]).await {
            Ok(device) => approved.push(device),
            Err(error @ CtlError::Refused(_)) if devices.len() > 1 => {
                output.tell(&format!("{id}: {error}"));
                refused = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) if approved.is_empty() => Err(error),
        refused => {
            output.answer(&approved, |devices, page| render::device::approved(devices, page));
            Ok(if refused.is_some() { Exit::NotDeployed } else { Exit::Done })
        }
    }
}

/// The state of devices that wait to be let in.
const PENDING: &str = "pending";
