//! `belayctl channel …`

use belay_protocol::admin::{ChannelView, CreateChannel, UpdateChannel};
use serde::Serialize;
use utoipa::ToSchema;

use super::{all, named};
use crate::arguments::{Channel, ChannelName, ReleaseArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;
use crate::render;

/// A channel that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedChannel {
    /// Its number.
    pub(crate) deleted: i64,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Channel) -> Result<(), CtlError> {
    let channel = match verb {
        Channel::Set { release, name } => set(client, output, release, name).await?,
        Channel::Show { channel } => named::channel(client, &channel).await?,
        Channel::Off { channel } => switch(client, &channel, false).await?,
        Channel::On { channel } => switch(client, &channel, true).await?,
        Channel::Delete { channel } => {
            let id = named::channel(client, &channel).await?.id;
            client.delete(&["channels", &id.to_string()]).await?;
            output.answer(&DeletedChannel { deleted: id }, |gone, _| format!("channel {} is deleted", gone.deleted));
            return Ok(());
        }
        Channel::List { device_type, distribution } => {
            let query = [("device_type", device_type), ("distribution", distribution)];
            let channels: Vec<ChannelView> = all(client, &["channels"], &query).await?;
            output.answer(&channels, |channels, page| render::channel::list(channels, page));
            return Ok(());
        }
    };
    output.answer(&channel, render::channel::one);
    Ok(())
}

/// Changes the channel of that type and ring, or makes it.
async fn set(
    client: &Client,
    output: &Output,
    release: ReleaseArguments,
    name: String,
) -> Result<ChannelView, CtlError> {
    let ReleaseArguments { device_type, distribution, version } = release;
    let query = [("device_type", device_type.to_string()), ("distribution", distribution.to_string())];
    let known: Vec<ChannelView> = all(client, &["channels"], &query).await?;
    match known.into_iter().find(|channel| channel.channel == name) {
        Some(before) => {
            let change = UpdateChannel { target_version: Some(version), active: Some(true) };
            let after: ChannelView = client.patch(&["channels", &before.id.to_string()], &change).await?;
            output.tell(&render::channel::changed(&before, &after));
            Ok(after)
        }
        None => {
            let channel =
                CreateChannel { device_type, distribution, channel: Some(name), target_version: version, active: None };
            client.post(&["channels"], &channel).await
        }
    }
}

async fn switch(client: &Client, channel: &ChannelName, active: bool) -> Result<ChannelView, CtlError> {
    let id = named::channel(client, channel).await?.id;
    let change = UpdateChannel { active: Some(active), ..UpdateChannel::default() };
    client.patch(&["channels", &id.to_string()], &change).await
}
