//! The health gate's eyes: measures how a device is doing, and runs the checks that somebody configured. What it all
//! means is judged by `machine::gate`.

mod follow;
mod network;
mod probe;
mod scripts;
pub(super) mod systemd;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use belay_protocol::health::{CheckResult, Vitals};
use belay_protocol::{Failure, Reason};

use super::command::Command;
use crate::config::settings::HealthSettings;

/// How the device is doing now; `audit` is what `dpkg --audit` says of it. Units count where systemd runs the device
/// whose root this is. A systemd that does not answer is an error: silence is not health.
pub fn vitals(root: &Path, audit: Vec<String>) -> Result<Vitals, Failure> {
    if !systemd::runs(root) {
        return Ok(Vitals { audit, ..Vitals::default() });
    }
    let silent = |error: String| {
        let message = format!("systemd does not say how its units are: {error}; look with `systemctl --failed`");
        Failure::new(Reason::Unhealthy, message)
    };
    let failed_units = systemd::failed_units().map_err(silent)?;
    let restarts = systemd::restarts().map_err(silent)?;
    Ok(Vitals { failed_units, restarts, audit })
}

/// Runs every check side by side, watches the units of a device that systemd runs for the settle time, and then runs
/// the scripts one after the other. Called right after a change: grace times begin now. Progress is in percent.
pub fn run_checks(root: &Path, settings: &HealthSettings, progress: &dyn Fn(f32, &str)) -> Vec<CheckResult> {
    let scripts = scripts::find(&settings.scripts);
    let on_device = systemd::runs(root);
    let watched = on_device && !settings.settle.is_zero();
    let total = settings.checks.len() + usize::from(watched) + scripts.len();
    let mut results = Vec::with_capacity(total);
    let tell = |done: usize, detail: &str| progress(100.0 * done as f32 / total.max(1) as f32, detail);
    let mut add = |result: CheckResult| {
        let word = if result.passed { "passed" } else { "failed" };
        let detail = format!("check {} {word}: {}", result.name, result.message);
        results.push(result);
        tell(results.len(), &detail);
    };
    tell(0, &format!("{total} health checks"));
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for spec in &settings.checks {
            let send = send.clone();
            // The receiver lives until the last sender is gone.
            scope.spawn(move || send.send(follow::follow(spec, &|| probe::look(&spec.probe, spec.timeout, on_device))));
        }
        if watched {
            let send = send.clone();
            scope.spawn(move || send.send(systemd::watch(settings.settle)));
        }
        drop(send);
        receive.into_iter().for_each(&mut add);
    });
    for script in &scripts {
        add(scripts::run(script, settings.script_timeout, on_device));
    }
    results.sort_by(|one, other| one.name.cmp(&other.name));
    results
}

/// A program of the operator's, as a transient unit on a device: what is taken from our own unit is not taken from it.
fn foreign(command: Command, on_device: bool) -> Command {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    if !on_device {
        return command;
    }
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    command.unit(Some(format!("belay-check-{}-{number}", std::process::id())))
}

#[cfg(test)]
mod tests;
