//! The health gate: whether a device is no worse than before, and whether a check holds.

mod assess;

use std::collections::BTreeSet;

use belay_protocol::health::Health;

pub use assess::{Assessment, Look, assess, pause};

/// What the gate says of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be committed.
    Healthy {
        /// What a person should know, one sentence each.
        warnings: Vec<String>,
    },
    /// It must be undone.
    Unhealthy {
        /// Why, one sentence each; never empty.
        causes: Vec<String>,
        /// What a person should know beside that, one sentence each.
        warnings: Vec<String>,
    },
}

/// Judges an update: no required check may fail, and the device may be no worse than before. What was already bad
/// then is not held against the update.
pub fn judge(health: &Health) -> Verdict {
    let failed = |required| {
        let checks = health.checks.iter().filter(move |check| check.required == required && !check.passed);
        checks.map(|check| format!("check {} failed: {}", check.name, check.message))
    };
    let causes: Vec<_> = failed(true).chain(worse_units(health)).chain(worse_audit(health)).collect();
    let warnings = failed(false).collect();
    if causes.is_empty() { Verdict::Healthy { warnings } } else { Verdict::Unhealthy { causes, warnings } }
}

fn worse_units(health: &Health) -> impl Iterator<Item = String> {
    let (before, after) = (&health.before, &health.after);
    let failed_before: BTreeSet<_> = before.failed_units.iter().collect();
    let failed = after.failed_units.iter().filter(move |unit| !failed_before.contains(unit));
    let restarted = after.restarts.iter().filter_map(|(unit, count)| {
        let more = count.saturating_sub(before.restarts.get(unit).copied().unwrap_or(0));
        (more > 0).then(|| format!("{unit} was restarted by systemd ({more}x); see journalctl -u {unit}"))
    });
    failed.map(|unit| format!("{unit} failed; see systemctl status {unit}")).chain(restarted)
}

fn worse_audit(health: &Health) -> impl Iterator<Item = String> {
    let known: BTreeSet<_> = health.before.audit.iter().collect();
    let new = health.after.audit.iter().filter(move |line| !known.contains(line));
    new.map(|line| format!("dpkg --audit complains: {line}"))
}

#[cfg(test)]
mod tests;
