//! Channels.

use belay_protocol::admin::ChannelView;

use super::table;

/// A table of channels.
pub(crate) fn list(channels: &[ChannelView]) -> String {
    if channels.is_empty() {
        return "there is no channel; `belayctl channel set` makes one".to_owned();
    }
    let rows = channels.iter().map(|channel| {
        [
            channel.id.to_string(),
            format!("{}/{}", channel.device_type, channel.distribution),
            channel.channel.clone(),
            channel.target_version.to_string(),
            if channel.active { "on" } else { "off" }.to_owned(),
            channel.deployment.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]
    });
    table(&["ID", "DEVICES", "NAME", "TARGET", "STATE", "DEPLOYMENT"], rows)
}
