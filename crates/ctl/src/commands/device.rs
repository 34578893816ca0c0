//! `belayctl device …`

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeploymentView, DeviceView, UpdateDevice};

use super::all;
use crate::arguments::Device;
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

pub(super) async fn run(client: &Client, output: &Output, verb: Device) -> Result<Exit, CtlError> {
    match verb {
        Device::List { fleet_state, state, search } => {
            let query = [("fleet_state", fleet_state), ("state", state), ("search", search)];
            let devices: Vec<DeviceView> = all(client, &["devices"], &query).await?;
            output.answer(&devices, |devices, page| render::device::list(devices, page));
        }
        Device::Show { id } => {
            let device: DeviceView = client.fetch(&["devices", id.as_str()], &[]).await?;
            output.answer(&device, render::device::one);
        }
        Device::Approve { id } => show(client, output, &id, "approve").await?,
        Device::Revoke { id } => show(client, output, &id, "revoke").await?,
        Device::Tag { id, tags } => {
            let change = UpdateDevice { tags: Some(tags.into_iter().collect()), ..UpdateDevice::default() };
            let device: DeviceView = client.patch(&["devices", id.as_str()], &change).await?;
            output.answer(&device, render::device::one);
        }
        Device::Rollback { id } => {
            let deployment: DeploymentView = client.order(&["devices", id.as_str(), "rollback"]).await?;
            output.answer(&deployment, render::deployment::made);
        }
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, output: &Output, id: &DeviceId, verb: &str) -> Result<(), CtlError> {
    let device: DeviceView = client.order(&["devices", id.as_str(), verb]).await?;
    output.answer(&device, render::device::one);
    Ok(())
}
