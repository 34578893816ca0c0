//! What a person calls a deployment, a device or a channel, and what it is called on the server.

use belay_protocol::admin::{ChannelView, DeploymentView, DeviceView, Page};
use belay_protocol::{DeploymentId, DeviceId};

use super::all;
use crate::arguments::ChannelName;
use crate::client::Client;
use crate::error::CtlError;

/// The deployment with this id, with an id that begins or ends so, or the newest that is no channel's.
pub(super) async fn deployment(client: &Client, text: &str) -> Result<DeploymentId, CtlError> {
    if text == LATEST {
        return latest(client).await;
    }
    let id: DeploymentId = text.parse().map_err(unusable)?;
    match client.fetch::<DeploymentView>(&["deployments", id.as_str()], &[]).await {
        Ok(found) => Ok(found.id),
        Err(refusal) if is_not_found(&refusal) => {
            let known: Vec<DeploymentView> = all(client, &["deployments"], &[]).await?;
            let found = known.into_iter().map(|deployment| deployment.id).filter(|id| is_part(text, id.as_str()));
            one_of(text, found.collect(), refusal)
        }
        Err(error) => Err(error),
    }
}

/// The newest deployment that somebody made: a channel's goes on for ever, and nobody who says so means it.
async fn latest(client: &Client) -> Result<DeploymentId, CtlError> {
    for page in 1_u32.. {
        let query = [("page", page.to_string()), ("page_size", LOOKED_AT.to_string())];
        let newest: Page<DeploymentView> = client.fetch(&["deployments"], &query).await?;
        let is_last = newest.items.is_empty() || u64::from(page) * u64::from(LOOKED_AT) >= newest.total;
        match newest.items.into_iter().find(|deployment| deployment.channel.is_none()) {
            Some(found) => return Ok(found.id),
            None if is_last => break,
            None => {}
        }
    }
    let none = "there is no deployment yet but those of channels: `belayctl deployment create` makes one";
    Err(CtlError::Usage(none.to_owned()))
}

/// The device with this id, with an id that begins or ends so, or with this host name.
pub(super) async fn device(client: &Client, text: &str) -> Result<DeviceId, CtlError> {
    let asked = match text.parse::<DeviceId>() {
        Ok(id) => client.fetch::<DeviceView>(&["devices", id.as_str()], &[]).await,
        // A host name may have what an id has not.
        Err(error) => Err(unusable(error)),
    };
    match asked {
        Ok(found) => Ok(found.id),
        Err(refusal) if is_not_found(&refusal) || matches!(refusal, CtlError::Usage(_)) => {
            let known: Vec<DeviceView> = all(client, &["devices"], &[("search", text.to_owned())]).await?;
            let is_it =
                |device: &DeviceView| device.profile.facts.hostname == text || is_part(text, device.id.as_str());
            one_of(text, known.into_iter().filter(is_it).map(|device| device.id).collect(), refusal)
        }
        Err(error) => Err(error),
    }
}

/// The channel with this number, or of these devices.
pub(super) async fn channel(client: &Client, name: &ChannelName) -> Result<ChannelView, CtlError> {
    match name {
        ChannelName::Number(number) => client.fetch(&["channels", &number.to_string()], &[]).await,
        ChannelName::Ring(device_type, ring, name) => {
            let query = [("device_type", device_type.to_string()), ("distribution", ring.to_string())];
            let known: Vec<ChannelView> = all(client, &["channels"], &query).await?;
            let found = known.into_iter().find(|channel| channel.channel == *name);
            found.ok_or_else(|| {
                CtlError::Usage(format!("{device_type}/{ring} has no channel {name}: see `belayctl channel list`"))
            })
        }
    }
}

/// Whether a text is enough of an id's beginning or end to be taken for it.
fn is_part(text: &str, id: &str) -> bool {
    text.len() >= SHORTEST && (id.starts_with(text) || id.ends_with(text))
}

fn one_of<T: std::fmt::Display>(text: &str, mut found: Vec<T>, none: CtlError) -> Result<T, CtlError> {
    match (found.len(), found.pop()) {
        (1, Some(one)) => Ok(one),
        (number, Some(one)) => {
            let others: Vec<String> = found.iter().take(SHOWN).map(ToString::to_string).collect();
            Err(CtlError::Usage(format!("{text:?} may be {number} of them, such as {one}, {}", others.join(", "))))
        }
        (_, None) => Err(none),
    }
}

fn is_not_found(error: &CtlError) -> bool {
    matches!(error, CtlError::Refused(refusal) if refusal.error == "not_found")
}

fn unusable(error: belay_protocol::NameError) -> CtlError {
    CtlError::Usage(error.to_string())
}

/// The word for the newest deployment.
const LATEST: &str = "latest";

/// How many deployments are looked at for it at once.
const LOOKED_AT: u32 = 20;

/// Fewer letters of an id mean too many things.
const SHORTEST: usize = 4;

/// How many that a text may mean are named.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests;
