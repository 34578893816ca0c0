//! Devices and the fleet.

use belay_protocol::admin::{DeviceState, DeviceView, FleetState, FleetSummary};

use super::{count, table};

/// A table of devices.
pub(crate) fn list(devices: &[DeviceView]) -> String {
    if devices.is_empty() {
        return "no device; `belay-agent enrol` on a device makes it known here".to_owned();
    }
    let rows = devices.iter().map(|device| {
        [
            device.id.to_string(),
            device.profile.facts.hostname.clone(),
            format!("{}/{}", device.device_type, device.distribution),
            standing(device),
            version(device),
            device.target_version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            device.last_seen.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}")),
        ]
    });
    table(&["DEVICE", "HOST", "DEVICES", "STATE", "HAS", "SHOULD HAVE", "LAST SEEN"], rows)
}

/// One device, line by line.
pub(crate) fn one(device: &DeviceView) -> String {
    let facts = &device.profile.facts;
    let mut lines = vec![
        format!("{}  {}", device.id, facts.hostname),
        format!("kind:      {}/{}", device.device_type, device.distribution),
        format!("state:     {}", standing(device)),
        format!("has:       {}", version(device)),
    ];
    if let Some(target) = &device.target_version {
        lines.push(format!("target:    {target}"));
    }
    let last_seen = device.last_seen.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
    lines.push(format!("last seen: {last_seen}"));
    lines.push(format!("system:    {} {}, agent {}", facts.os, facts.architecture, facts.agent));
    if !device.tags.is_empty() {
        let tags: Vec<_> = device.tags.iter().map(|tag| tag.as_str()).collect();
        lines.push(format!("tags:      {}", tags.join(" ")));
    }
    lines.extend(device.problem.iter().map(|problem| format!("problem:   {problem}")));
    lines.extend(device.profile.installed.drift.iter().map(|drift| format!("drift:     {drift}")));
    lines.join("\n")
}

/// How the fleet stands.
pub(crate) fn fleet(fleet: &FleetSummary) -> String {
    let FleetSummary { total, up_to_date, outdated, in_progress, failed, unknown, pending, compliance } = fleet;
    let mut text = format!(
        "{}: {up_to_date} up to date, {outdated} outdated, {in_progress} in progress, {failed} failed, \
         {unknown} unknown",
        count(*total, "device")
    );
    if *pending > 0 {
        text.push_str(&format!("\n{} to be let in: belayctl device list --state pending", count(*pending, "device")));
    }
    let rows = compliance.iter().map(|ring| {
        [
            format!("{}/{}", ring.device_type, ring.distribution),
            ring.target_version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            format!("{}/{}", ring.up_to_date, ring.total),
            format!("{:.0} %", ring.percent),
        ]
    });
    let table = table(&["DEVICES", "TARGET", "HAVE IT", ""], rows);
    format!("{text}\n\n{table}")
}

fn standing(device: &DeviceView) -> String {
    match device.state {
        DeviceState::Pending => "waits to be let in",
        DeviceState::Quarantined => "quarantined",
        DeviceState::Revoked => "revoked",
        DeviceState::Authorized => match device.fleet_state {
            FleetState::UpToDate => "up to date",
            FleetState::Outdated => "outdated",
            FleetState::InProgress => "in progress",
            FleetState::Failed => "failed",
            FleetState::Unknown => "unknown",
        },
    }
    .to_owned()
}

fn version(device: &DeviceView) -> String {
    device.profile.installed.release.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}
