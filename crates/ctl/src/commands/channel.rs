//! `belayctl channel …`

use belay_protocol::admin::{ChannelView, CreateChannel, UpdateChannel};

use super::all;
use crate::arguments::{Channel, ReleaseArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;
use crate::render;

pub(super) async fn run(client: &Client, output: &Output, verb: Channel) -> Result<(), CtlError> {
    let channel = match verb {
        Channel::Set { release } => set(client, release).await?,
        Channel::Off { id } => switch(client, id, false).await?,
        Channel::On { id } => switch(client, id, true).await?,
        Channel::List => {
            let channels: Vec<ChannelView> = all(client, &["channels"], &[]).await?;
            output.answer(&channels, |channels, page| render::channel::list(channels, page));
            return Ok(());
        }
    };
    output.answer(&channel, |channel, page| render::channel::list(std::slice::from_ref(channel), page));
    Ok(())
}

/// Changes the channel of that type and ring, or makes it.
async fn set(client: &Client, release: ReleaseArguments) -> Result<ChannelView, CtlError> {
    let ReleaseArguments { device_type, distribution, version } = release;
    let query = [("device_type", device_type.to_string()), ("distribution", distribution.to_string())];
    let known: Vec<ChannelView> = all(client, &["channels"], &query).await?;
    match known.iter().find(|channel| channel.channel == DEFAULT) {
        Some(channel) => {
            let change = UpdateChannel { target_version: Some(version), active: Some(true) };
            client.patch(&["channels", &channel.id.to_string()], &change).await
        }
        None => {
            let channel =
                CreateChannel { device_type, distribution, channel: None, target_version: version, active: None };
            client.post(&["channels"], &channel).await
        }
    }
}

async fn switch(client: &Client, id: i64, active: bool) -> Result<ChannelView, CtlError> {
    let change = UpdateChannel { active: Some(active), ..UpdateChannel::default() };
    client.patch(&["channels", &id.to_string()], &change).await
}

/// The name of a channel that was given none.
const DEFAULT: &str = "default";
