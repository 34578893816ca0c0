//! `belayctl device …`

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeploymentView, DeviceView, UpdateDevice};

use super::all;
use crate::arguments::Device;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::answer;
use crate::render;

pub(super) async fn run(client: &Client, json: bool, verb: Device) -> Result<(), CtlError> {
    match verb {
        Device::List { fleet_state, state, search } => {
            let query = [("fleet_state", fleet_state), ("state", state), ("search", search)];
            let devices: Vec<DeviceView> = all(client, &["devices"], &query).await?;
            answer(json, &devices, |devices| render::device::list(devices));
        }
        Device::Show { id } => {
            let device: DeviceView = client.fetch(&["devices", id.as_str()], &[]).await?;
            answer(json, &device, render::device::one);
        }
        Device::Approve { id } => show(client, json, &id, "approve").await?,
        Device::Revoke { id } => show(client, json, &id, "revoke").await?,
        Device::Tag { id, tags } => {
            let change = UpdateDevice { tags: Some(tags.into_iter().collect()), ..UpdateDevice::default() };
            let device: DeviceView = client.patch(&["devices", id.as_str()], &change).await?;
            answer(json, &device, render::device::one);
        }
        Device::Rollback { id } => {
            let deployment: DeploymentView = client.order(&["devices", id.as_str(), "rollback"]).await?;
            answer(json, &deployment, render::deployment::made);
        }
    }
    Ok(())
}

async fn show(client: &Client, json: bool, id: &DeviceId, verb: &str) -> Result<(), CtlError> {
    let device: DeviceView = client.order(&["devices", id.as_str(), verb]).await?;
    answer(json, &device, render::device::one);
    Ok(())
}
