//! Devices and the fleet.

use belay_protocol::admin::{DeviceState, DeviceView, FleetState, FleetSummary};

use belay_terminal::quantity::{ago, counted, when};
use belay_terminal::{Cell, Page, Tone, plain};

use super::table;

/// A table of devices.
pub(crate) fn list(devices: &[DeviceView], page: &Page) -> String {
    if devices.is_empty() {
        return "no device; `belay-agent enrol` on a device makes it known here".to_owned();
    }
    let rows = devices.iter().map(|device| {
        vec![
            plain(device.id.to_string()),
            plain(device.profile.facts.hostname.clone()),
            plain(format!("{}/{}", device.device_type, device.distribution)),
            standing(device),
            plain(version(device)),
            plain(device.target_version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
            plain(device.last_seen.map_or_else(|| "never".to_owned(), |at| ago(at, page.now))),
        ]
    });
    table(&["device", "host", "devices", "state", "has", "should have", "last seen"], rows, page)
}

/// The devices that were let in.
pub(crate) fn approved(devices: &[DeviceView], page: &Page) -> String {
    if devices.is_empty() { "no device was let in".to_owned() } else { list(devices, page) }
}

/// One device, line by line.
pub(crate) fn one(device: &DeviceView, page: &Page) -> String {
    let facts = &device.profile.facts;
    let row = |name: &str, cell: Cell| vec![(Tone::Quiet, name.to_owned()), cell];
    let mut rows = vec![
        row("kind", plain(format!("{}/{}", device.device_type, device.distribution))),
        row("state", standing(device)),
        row("has", plain(version(device))),
    ];
    rows.extend(device.target_version.as_ref().map(|target| row("target", plain(target.to_string()))));
    let last_seen = device.last_seen.map_or_else(|| "never".to_owned(), |at| when(at, page));
    rows.push(row("last seen", plain(last_seen)));
    rows.push(row("system", plain(format!("{} {}, agent {}", facts.os, facts.architecture, facts.agent))));
    if !device.tags.is_empty() {
        let tags: Vec<_> = device.tags.iter().map(|tag| tag.as_str()).collect();
        rows.push(row("tags", plain(tags.join(" "))));
    }
    rows.extend(device.problem.iter().map(|problem| row("problem", (Tone::Bad, problem.clone()))));
    rows.extend(device.profile.installed.drift.iter().map(|drift| row("drift", (Tone::Careful, drift.clone()))));
    let name = page.paint.tone(Tone::Strong, device.id.as_str());
    format!("{name}  {}\n{}", facts.hostname, belay_terminal::table(&rows, 0, page.paint))
}

/// How the fleet stands.
pub(crate) fn fleet(fleet: &FleetSummary, page: &Page) -> String {
    let FleetSummary { total, up_to_date, outdated, in_progress, failed, unknown, pending, compliance } = fleet;
    let mut text = format!(
        "{}: {up_to_date} up to date, {outdated} outdated, {in_progress} in progress, {failed} failed, \
         {unknown} unknown",
        counted(*total, "device")
    );
    if *pending > 0 {
        text.push_str(&format!("\n{} to be let in: belayctl device list --state pending", counted(*pending, "device")));
    }
    if compliance.is_empty() {
        return text;
    }
    let rows = compliance.iter().map(|ring| {
        vec![
            plain(format!("{}/{}", ring.device_type, ring.distribution)),
            plain(ring.target_version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
            plain(format!("{}/{}", ring.up_to_date, ring.total)),
            plain(format!("{:.0} %", ring.percent)),
        ]
    });
    let table = table(&["devices", "target", "have it", ""], rows, page);
    format!("{text}\n\n{table}")
}

fn standing(device: &DeviceView) -> Cell {
    let (tone, words) = match device.state {
        DeviceState::Pending => (Tone::Careful, "waits to be let in"),
        DeviceState::Quarantined => (Tone::Bad, "quarantined"),
        DeviceState::Revoked => (Tone::Quiet, "revoked"),
        DeviceState::Authorized => match device.fleet_state {
            FleetState::UpToDate => (Tone::Good, "up to date"),
            FleetState::Outdated => (Tone::Careful, "outdated"),
            FleetState::InProgress => (Tone::Strong, "in progress"),
            FleetState::Failed => (Tone::Bad, "failed"),
            FleetState::Unknown => (Tone::Quiet, "unknown"),
        },
    };
    (tone, words.to_owned())
}

fn version(device: &DeviceView) -> String {
    device.profile.installed.release.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}
