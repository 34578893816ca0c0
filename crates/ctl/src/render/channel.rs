//! Channels.

use belay_protocol::admin::ChannelView;
use belay_terminal::quantity::when;
use belay_terminal::{Cell, Page, Tone, plain};

use super::table;

/// A table of channels.
pub(crate) fn list(channels: &[ChannelView], page: &Page) -> String {
    if channels.is_empty() {
        return "there is no channel; `belayctl channel set` makes one".to_owned();
    }
    let rows = channels.iter().map(|channel| {
        vec![
            plain(channel.id.to_string()),
            plain(devices(channel)),
            plain(channel.channel.clone()),
            plain(channel.target_version.to_string()),
            state(channel),
            plain(channel.deployment.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
    });
    table(&["id", "devices", "name", "target", "state", "deployment"], rows, page)
}

/// One channel, line by line.
pub(crate) fn one(channel: &ChannelView, page: &Page) -> String {
    let row = |name: &str, cell: Cell| vec![(Tone::Quiet, name.to_owned()), cell];
    let mut rows = vec![row("target", plain(channel.target_version.to_string())), row("state", state(channel))];
    rows.extend(channel.deployment.as_ref().map(|deployment| row("deployment", plain(deployment.to_string()))));
    rows.push(row("changed", plain(when(channel.updated_at, page))));
    let name = page.paint.tone(Tone::Strong, &format!("channel {}", channel.id));
    format!("{name}  {} {}\n{}", devices(channel), channel.channel, belay_terminal::table(&rows, 0, page.paint))
}

/// What became of a channel that was there before.
pub(crate) fn changed(before: &ChannelView, after: &ChannelView) -> String {
    let devices = devices(after);
    match (before.target_version == after.target_version, before.active) {
        (true, true) => format!("{devices} had {} before", after.target_version),
        (true, false) => format!("{devices} had {} before, and was off", after.target_version),
        (false, _) => format!("{devices}: {} -> {}", before.target_version, after.target_version),
    }
}

fn devices(channel: &ChannelView) -> String {
    format!("{}/{}", channel.device_type, channel.distribution)
}

fn state(channel: &ChannelView) -> Cell {
    if channel.active { (Tone::Good, "on".to_owned()) } else { (Tone::Quiet, "off".to_owned()) }
}
