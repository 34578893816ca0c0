//! Deployments: how they stand, and why.

use belay_protocol::admin::{
    Buckets, DecisionView, DeploymentKind, DeploymentStatus, DeploymentView, Preview, Strategy,
};

use super::{count, table};
use crate::commands::Full;

/// A deployment that was just made or steered.
pub(crate) fn made(deployment: &DeploymentView) -> String {
    format!("{}  {}\n{}", deployment.id, deployment.name, standing(deployment))
}

/// A table of deployments.
pub(crate) fn list(deployments: &[DeploymentView]) -> String {
    if deployments.is_empty() {
        return "no deployment; `belayctl deployment create` makes one".to_owned();
    }
    let rows = deployments.iter().map(|deployment| {
        [
            deployment.id.to_string(),
            deployment.name.clone(),
            strategy(deployment).to_owned(),
            status(deployment.status).to_owned(),
            format!("{}/{}", deployment.buckets.completed, deployment.total),
            deployment.reason.clone(),
        ]
    });
    table(&["DEPLOYMENT", "NAME", "STRATEGY", "STATUS", "DONE", "WHY"], rows)
}

/// Everything that is known of a deployment.
pub(crate) fn full(full: &Full) -> String {
    let decided: Vec<_> = full.decisions.iter().rev().map(decision).collect();
    let decided = if decided.is_empty() { "nothing was decided yet".to_owned() } else { decided.join("\n") };
    format!("{}\n\n{decided}", outcome(full))
}

/// What came of a deployment, for somebody who has seen its decisions.
pub(crate) fn outcome(full: &Full) -> String {
    let rows = full.devices.iter().map(|device| {
        [
            device.device.to_string(),
            device.hostname.clone(),
            device.status.replace('_', " "),
            device.reason.clone().unwrap_or_default(),
            device.message.clone(),
        ]
    });
    let devices = table(&["DEVICE", "HOST", "STATUS", "REASON", ""], rows);
    format!("{}\n{}\n\n{devices}", made(&full.deployment), buckets(&full.deployment.buckets))
}

/// What a deployment would reach.
pub(crate) fn preview(preview: &Preview) -> String {
    let devices = count(preview.devices, "device");
    let mut text = format!("it would reach {devices}, {} in the first wave; nothing was made", preview.first_wave);
    for (reason, number) in &preview.excluded {
        text.push_str(&format!("\nleft out: {} ({reason})", count(*number, "device")));
    }
    text
}

/// One decision in one line.
pub(crate) fn decision(decision: &DecisionView) -> String {
    format!("{:.0}  {:<10} {}", decision.at, decision.decision, decision.reason)
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

fn standing(deployment: &DeploymentView) -> String {
    let what = match (deployment.kind, &deployment.release) {
        (DeploymentKind::Install, Some(release)) => release.to_string(),
        (DeploymentKind::Install, None) => "a release".to_owned(),
        (DeploymentKind::RollBack, Some(release)) => format!("back from {release}"),
        (DeploymentKind::RollBack, None) => "one generation back".to_owned(),
    };
    let mut text = format!(
        "{what} to {}, {}: {}",
        count(deployment.total, "device"),
        strategy(deployment),
        status(deployment.status)
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
