//! Devices of a network.

use std::net::SocketAddr;

use belay_terminal::quantity::{counted, duration};
use belay_terminal::{Cell, Page, Tone, plain};

use crate::lan::answers::{Carried, Ended, Rehearsed, Scanned};
use crate::lan::{Host, Kind, Outcome, PORT};

use super::table;

/// What a scan found.
pub(crate) fn scanned(scan: &Scanned, page: &Page) -> String {
    if scan.devices.is_empty() {
        let asked = match scan.networks.as_slice() {
            [] => "no network was there to ask".to_owned(),
            networks => format!("asked was every address of {}", networks.join(", ")),
        };
        return format!(
            "no device found: {asked}\nis it switched on and in this network? An agent listens there once `control.listen` says so"
        );
    }
    let columns = ["address", "name", "what", "generation", "last"];
    let rows = scan.devices.iter().map(|host| {
        let generation = host.generation.map(|generation| generation.to_string()).unwrap_or_default();
        let (name, last) = (host.name.clone(), host.last.clone());
        vec![
            (Tone::Strong, address(host.address)),
            plain(name.unwrap_or_default()),
            what(host),
            plain(generation),
            plain(last.unwrap_or_default()),
        ]
    });
    format!("{}\n{}", table(&columns, rows, page), counted(scan.devices.len() as u64, "device"))
}

/// An address as a person writes it: the port only where it is not the usual one.
pub(crate) fn address(address: SocketAddr) -> String {
    if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
}

/// What answers, in words.
pub(crate) fn what(host: &Host) -> Cell {
    let version = host.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    match host.kind {
        Kind::Agent => (Tone::Good, format!("agent{version}")),
        Kind::Locked => (Tone::Careful, "agent, wants a token".to_owned()),
        Kind::Flask => (Tone::Careful, "old Flask program: cannot undo".to_owned()),
    }
}

/// How an order ended everywhere: a table, and how many are as asked.
pub(crate) fn carried(carried: &Carried, page: &Page) -> String {
    let columns = ["address", "name", "result", "took", "what to know"];
    let rows = carried.devices.iter().map(|ended| {
        let (tone, word) = outcome(ended.end.outcome);
        vec![
            (Tone::Strong, address(ended.address)),
            plain(ended.name.clone().unwrap_or_default()),
            (tone, word.to_owned()),
            plain(duration(ended.end.seconds)),
            plain(why(ended)),
        ]
    });
    let tone = if carried.done == carried.devices.len() { Tone::Good } else { Tone::Bad };
    let sum = format!("{} of {} done", carried.done, carried.devices.len());
    format!("{}\n{}", table(&columns, rows, page), page.paint.tone(tone, &sum))
}

fn why(ended: &Ended) -> String {
    let reason = ended.end.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{}{reason}", ended.end.message.replace('\n', " "))
}

/// An outcome in a word or two.
pub(crate) fn outcome(outcome: Outcome) -> (Tone, &'static str) {
    match outcome {
        Outcome::Done => (Tone::Good, "done"),
        Outcome::Refused => (Tone::Bad, "refused"),
        Outcome::Undone => (Tone::Careful, "undone"),
        Outcome::NeedsAttention => (Tone::Bad, "needs attention"),
        Outcome::Unreachable => (Tone::Bad, "does not answer"),
        Outcome::Silent => (Tone::Bad, "not heard of again"),
    }
}

/// What would happen, device by device.
pub(crate) fn rehearsed(rehearsed: &Rehearsed, page: &Page) -> String {
    let mut lines = Vec::new();
    for device in &rehearsed.devices {
        let name = device.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let heading = page.paint.tone(Tone::Strong, &format!("{}{name}", address(device.address)));
        let reason = device.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        lines.push(format!("{heading}: {}{reason}", device.message.replace('\n', " ")));
        lines.extend(device.changes.iter().map(|change| format!("  {change}")));
    }
    lines.push("nothing was changed".to_owned());
    lines.join("\n")
}
