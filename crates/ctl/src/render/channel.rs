//! Channels.

use belay_protocol::admin::ChannelView;
use belay_terminal::{Page, Tone, plain};

use super::table;

/// A table of channels.
pub(crate) fn list(channels: &[ChannelView], page: &Page) -> String {
    if channels.is_empty() {
        return "there is no channel; `belayctl channel set` makes one".to_owned();
    }
    let rows = channels.iter().map(|channel| {
        vec![
            plain(channel.id.to_string()),
            plain(format!("{}/{}", channel.device_type, channel.distribution)),
            plain(channel.channel.clone()),
            plain(channel.target_version.to_string()),
            if channel.active { (Tone::Good, "on".to_owned()) } else { (Tone::Quiet, "off".to_owned()) },
            plain(channel.deployment.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
    });
    table(&["id", "devices", "name", "target", "state", "deployment"], rows, page)
}
