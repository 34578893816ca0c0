//! Deployments: how they stand, and why.

use belay_protocol::admin::{
    Buckets, DecisionView, DeploymentKind, DeploymentStatus, DeploymentView, Preview, Strategy,
};

use belay_terminal::quantity::counted;
use belay_terminal::{Page, Tone, plain};

use super::table;
use crate::commands::Full;

/// A deployment that was just made or steered.
pub(crate) fn made(deployment: &DeploymentView, page: &Page) -> String {
    let id = page.paint.tone(Tone::Strong, deployment.id.as_str());
    format!("{id}  {}\n{}", deployment.name, standing(deployment, page))
}

/// A table of deployments.
pub(crate) fn list(deployments: &[DeploymentView], page: &Page) -> String {
    if deployments.is_empty() {
        return "no deployment; `belayctl deployment create` makes one".to_owned();
    }
    let rows = deployments.iter().map(|deployment| {
        vec![
            plain(deployment.id.to_string()),
            plain(deployment.name.clone()),
            plain(strategy(deployment)),
            (tone(deployment.status), status(deployment.status).to_owned()),
            plain(format!("{}/{}", deployment.buckets.completed, deployment.total)),
            plain(deployment.reason.clone()),
        ]
    });
    table(&["deployment", "name", "strategy", "status", "done", "why"], rows, page)
}

/// Everything that is known of a deployment.
pub(crate) fn full(full: &Full, page: &Page) -> String {
    let decided: Vec<_> = full.decisions.iter().rev().map(|one| decision(one, page)).collect();
    let decided = if decided.is_empty() { "nothing was decided yet".to_owned() } else { decided.join("\n") };
    format!("{}\n\n{decided}", outcome(full, page))
}

/// What came of a deployment, for somebody who has seen its decisions.
pub(crate) fn outcome(full: &Full, page: &Page) -> String {
    let rows = full.devices.iter().map(|device| {
        vec![
            plain(device.device.to_string()),
            plain(device.hostname.clone()),
            (device_tone(&device.status), device.status.replace('_', " ")),
            plain(device.reason.clone().unwrap_or_default()),
            plain(device.message.clone()),
        ]
    });
    let devices = table(&["device", "host", "status", "reason", ""], rows, page);
    format!("{}\n{}\n\n{devices}", made(&full.deployment, page), buckets(&full.deployment.buckets))
}

/// What a deployment would reach.
pub(crate) fn preview(preview: &Preview, _page: &Page) -> String {
    let devices = counted(preview.devices, "device");
    let mut text = format!("it would reach {devices}, {} in the first wave; nothing was made", preview.first_wave);
    for (reason, number) in &preview.excluded {
        text.push_str(&format!("\nleft out: {} ({reason})", counted(*number, "device")));
    }
    text
}

/// One decision in one line.
pub(crate) fn decision(decision: &DecisionView, page: &Page) -> String {
    let at = decision.at.to_zoned(page.zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
    let word = page.paint.tone(decision_tone(&decision.decision), &format!("{:<10}", decision.decision));
    format!("{}  {word} {}", page.paint.tone(Tone::Quiet, &at.to_string()), decision.reason)
}

/// How the devices stand: what is none is not said.
pub(crate) fn buckets(buckets: &Buckets) -> String {
    let Buckets {
        waiting,
        offline,
        deferred,
        offered,
        downloading,
        installing,
        verifying,
        completed,
        failed,
        rolled_back,
        silent,
        skipped,
    } = buckets;
    let words = [
        (completed, "completed"),
        (failed, "failed"),
        (rolled_back, "rolled back"),
        (silent, "silent"),
        (skipped, "skipped"),
        (verifying, "verifying"),
        (installing, "installing"),
        (downloading, "downloading"),
        (offered, "offered"),
        (deferred, "deferred"),
        (offline, "offline"),
        (waiting, "waiting"),
    ];
    let some: Vec<_> =
        words.iter().filter(|(number, _)| **number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    if some.is_empty() { "no device".to_owned() } else { some.join(", ") }
}

fn standing(deployment: &DeploymentView, page: &Page) -> String {
    let what = match (deployment.kind, &deployment.release) {
        (DeploymentKind::Install, Some(release)) => release.to_string(),
        (DeploymentKind::Install, None) => "a release".to_owned(),
        (DeploymentKind::RollBack, Some(release)) => format!("back from {release}"),
        (DeploymentKind::RollBack, None) => "one generation back".to_owned(),
    };
    let mut text = format!(
        "{what} to {}, {}: {}",
        counted(deployment.total, "device"),
        strategy(deployment),
        page.paint.tone(tone(deployment.status), status(deployment.status))
    );
    if !deployment.reason.is_empty() {
        text.push_str(&format!("\n{}", deployment.reason));
    }
    text
}

fn strategy(deployment: &DeploymentView) -> &'static str {
    match deployment.strategy {
        Strategy::Manual => "manual",
        Strategy::Immediate => "immediate",
        Strategy::Canary { .. } => "canary",
        Strategy::Rolling { .. } => "rolling",
    }
}

fn status(status: DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Pending => "pending",
        DeploymentStatus::InProgress => "in progress",
        DeploymentStatus::Paused => "paused",
        DeploymentStatus::Halted => "halted",
        DeploymentStatus::Completed => "completed",
        DeploymentStatus::Failed => "failed",
        DeploymentStatus::Cancelled => "cancelled",
    }
}

fn tone(status: DeploymentStatus) -> Tone {
    match status {
        DeploymentStatus::Pending | DeploymentStatus::Cancelled => Tone::Quiet,
        DeploymentStatus::InProgress => Tone::Strong,
        DeploymentStatus::Paused | DeploymentStatus::Halted => Tone::Careful,
        DeploymentStatus::Completed => Tone::Good,
        DeploymentStatus::Failed => Tone::Bad,
    }
}

/// What a device's bucket means.
pub(crate) fn device_tone(status: &str) -> Tone {
    match status {
        "completed" => Tone::Good,
        "failed" | "silent" => Tone::Bad,
        "rolled_back" => Tone::Careful,
        "skipped" | "waiting" | "offline" => Tone::Quiet,
        _other => Tone::Plain,
    }
}

fn decision_tone(decision: &str) -> Tone {
    match decision {
        "finish" => Tone::Strong,
        "halt" | "give_up" | "time_out" => Tone::Bad,
        _other => Tone::Plain,
    }
}
