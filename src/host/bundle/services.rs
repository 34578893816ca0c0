//! Starting and stopping units of the live system around a change: what a bundle declares, and what its script asked
//! for while it was captured. Only where systemd runs the root; elsewhere no unit runs, and nothing is done.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use belay_protocol::{Failure, Reason};

use super::capture::ServiceCall;
use super::shims::unit;
use crate::host::command::{Command, CommandError, Finished};
use crate::host::health::systemd;

/// Those of the units that run.
///
/// # Errors
/// `apply_failed` where systemd does not say.
pub fn active(root: &Path, units: &[String]) -> Result<Vec<String>, Failure> {
    let Some(systemctl) = Systemctl::of(root) else { return Ok(Vec::new()) };
    let mut active = Vec::new();
    for unit in units {
        checked(unit)?;
        if systemctl.is_active(unit)? {
            active.push(unit.clone());
        }
    }
    Ok(active)
}

/// Lets services run what is on the disk again, after a way back: systemd reads its units anew, `restart` are restarted
/// where they run, and `start` are started. A unit whose file is gone is stopped. Each is tried, whatever became of the
/// others; what did not work comes back, a sentence each.
pub fn bring_back(root: &Path, restart: &[String], start: &[String]) -> Vec<String> {
    let Some(systemctl) = Systemctl::of(root) else { return Vec::new() };
    systemctl.bring_back(restart, start)
}

/// Stops those of the units that run, and says which did.
///
/// # Errors
/// `apply_failed` where one does not stop; what was stopped before it is started again.
pub fn stop(root: &Path, units: &[String]) -> Result<Vec<String>, Failure> {
    Systemctl::of(root).map_or(Ok(Vec::new()), |systemctl| systemctl.stop(units))
}

/// Starts units, all that can be.
///
/// # Errors
/// `apply_failed`, naming each that does not start.
pub fn start(root: &Path, units: &[String]) -> Result<(), Failure> {
    Systemctl::of(root).map_or(Ok(()), |systemctl| systemctl.start(units))
}

/// Does what a script asked for, in its order, then restarts the units that the bundle declares and the script has not
/// restarted. `units_changed` says whether unit files were changed, so that systemd has to read them. What was not done
/// and need not stop the update comes back, a sentence each.
///
/// # Errors
/// `apply_failed` for a unit that does not start or does not take its new configuration.
pub fn carry_out(
    root: &Path,
    calls: &[ServiceCall],
    restart: &[String],
    units_changed: bool,
) -> Result<Vec<String>, Failure> {
    let steps = steps(calls, restart, units_changed);
    match Systemctl::of(root) {
        Some(systemctl) => systemctl.carry_out(&steps),
        None => Ok(undone(&steps).into_iter().collect()),
    }
}

/// A systemctl that reaches the live system.
#[derive(Debug)]
struct Systemctl {
    program: OsString,
}

impl Systemctl {
    fn of(root: &Path) -> Option<Self> {
        systemd::runs(root).then(|| Self { program: "systemctl".into() })
    }

    fn stop(&self, units: &[String]) -> Result<Vec<String>, Failure> {
        let mut stopped = Vec::new();
        for unit in units {
            let done = checked(unit).and_then(|()| if self.is_active(unit)? { self.stop_one(unit) } else { Ok(false) });
            match done {
                Ok(true) => stopped.push(unit.clone()),
                Ok(false) => {}
                Err(failure) => {
                    // It failed for the reason given; what this start meets comes second.
                    let _ = self.start(&stopped);
                    return Err(failure);
                }
            }
        }
        Ok(stopped)
    }

    fn is_active(&self, unit: &str) -> Result<bool, Failure> {
        let step = Step::new("is-active", &[unit.to_owned()]);
        let finished = self.run(&step).map_err(|error| step.failed(&error.to_string()))?;
        Ok(["active", "activating", "reloading", "deactivating"].contains(&finished.stdout.trim()))
    }

    fn stop_one(&self, unit: &str) -> Result<bool, Failure> {
        let step = Step::new("stop", &[unit.to_owned()]);
        self.ran(&step).map(|()| true).map_err(|why| step.failed(&why))
    }

    fn start(&self, units: &[String]) -> Result<(), Failure> {
        let mut failures = Vec::new();
        for unit in units {
            let step = Step::new("start", std::slice::from_ref(unit));
            let failed = |why: String| step.failed(&why);
            if let Err(failure) = checked(unit).and_then(|()| self.ran(&step).map_err(failed)) {
                failures.push(failure.message);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Failure::new(Reason::ApplyFailed, failures.join("; "))) }
    }

    fn bring_back(&self, restart: &[String], start: &[String]) -> Vec<String> {
        let mut notes = Vec::new();
        let reload = Step::new("daemon-reload", &[]);
        notes.extend(self.ran(&reload).err().map(|why| reload.failed(&why).message));
        for unit in restart.iter().filter(|unit| !start.contains(unit)) {
            let (again, stop) =
                (Step::new("try-restart", std::slice::from_ref(unit)), Step::new("stop", std::slice::from_ref(unit)));
            let Err(why) = checked(unit).map_err(|failure| failure.message).and_then(|()| self.ran(&again)) else {
                continue;
            };
            if self.ran(&stop).is_err() {
                notes.push(again.failed(&why).message);
            }
        }
        for unit in start {
            notes.extend(self.start(std::slice::from_ref(unit)).err().map(|failure| failure.message));
        }
        notes
    }

    fn carry_out(&self, steps: &[Step]) -> Result<Vec<String>, Failure> {
        let mut notes = Vec::new();
        for step in steps {
            // To forget that a unit failed touches nothing that runs.
            for unit in step.units.iter().filter(|_| step.verb != "reset-failed") {
                checked(unit)?;
            }
            let Err(why) = self.ran(step) else { continue };
            if !self.matters(step) {
                notes.push(format!("`{}` failed, which does not stop the update: {why}", step.words()));
                continue;
            }
            return Err(step.failed(&why));
        }
        Ok(notes)
    }

    /// Whether the device is worse off where a step fails. A unit that is gone needs no stop, and one that does not
    /// run no new configuration.
    fn matters(&self, step: &Step) -> bool {
        match step.verb.as_str() {
            "stop" | "reset-failed" => false,
            "reload" => step.units.iter().any(|unit| self.is_active(unit).unwrap_or(true)),
            _ => true,
        }
    }

    fn ran(&self, step: &Step) -> Result<(), String> {
        match self.run(step) {
            Ok(finished) if finished.success() => Ok(()),
            Ok(finished) => Err(said(&finished)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn run(&self, step: &Step) -> Result<Finished, CommandError> {
        Command::new(&self.program).args(step.args()).timeout(TIMEOUT).run()
    }
}

/// One call of systemctl.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    verb: String,
    units: Vec<String>,
}

impl Step {
    fn new(verb: &str, units: &[String]) -> Self {
        Self { verb: verb.to_owned(), units: units.to_vec() }
    }

    fn args(&self) -> Vec<String> {
        let start = ["--no-pager", "--no-ask-password", &self.verb, "--"].map(str::to_owned);
        start.into_iter().chain(self.units.iter().cloned()).collect()
    }

    fn words(&self) -> String {
        [&["systemctl".to_owned(), self.verb.clone()], &self.units[..]].concat().join(" ")
    }

    fn failed(&self, why: &str) -> Failure {
        let units = self.units.iter().map(|unit| format!(" -u {}", unit::full(unit))).collect::<String>();
        let look = if units.is_empty() { String::new() } else { format!("; `journalctl{units}` tells more") };
        Failure::new(Reason::ApplyFailed, format!("`{}` failed: {}{look}", self.words(), why.trim_end_matches('.')))
    }
}

/// The steps of a script's calls: all files lie in place before the first, so systemd reads them once, and first.
fn steps(calls: &[ServiceCall], restart: &[String], units_changed: bool) -> Vec<Step> {
    let reload = |call: &&ServiceCall| call.verb == "daemon-reload";
    let mut steps: Vec<Step> = Vec::new();
    if units_changed || calls.iter().any(|call| reload(&call)) {
        steps.push(Step::new("daemon-reload", &[]));
    }
    steps.extend(calls.iter().filter(|call| !reload(call)).map(|call| Step::new(&call.verb, &call.units)));
    let mut declared: Vec<&String> = Vec::new();
    for unit in restart {
        let again = declared.iter().any(|other| unit::full(other) == unit::full(unit));
        if !again && !is_restarted(calls, &unit::full(unit)) {
            declared.push(unit);
        }
    }
    // One after the other, in the order of the declaration.
    steps.extend(declared.into_iter().map(|unit| Step::new("restart", std::slice::from_ref(unit))));
    steps
}

/// Whether a script's calls leave that unit running from its new files.
fn is_restarted(calls: &[ServiceCall], unit: &str) -> bool {
    let (mut stopped, mut restarted) = (false, false);
    for call in calls.iter().filter(|call| call.units.iter().any(|name| unit::full(name) == unit)) {
        match call.verb.as_str() {
            "stop" => (stopped, restarted) = (true, false),
            "restart" => restarted = true,
            "start" | "reload-or-restart" => restarted |= stopped,
            _ => {}
        }
    }
    restarted
}

fn undone(steps: &[Step]) -> Option<String> {
    let words: Vec<String> = steps.iter().filter(|step| step.verb != "daemon-reload").map(Step::words).collect();
    let sentence = || format!("systemd does not run this root, so this was not done: {}", words.join("; "));
    (!words.is_empty()).then(sentence)
}

/// Nothing but a unit's name reaches systemctl, and none of Belay's own: the host that would stop is this process.
fn checked(unit: &str) -> Result<(), Failure> {
    if !unit::is_valid(unit) {
        let shown = unit.escape_default();
        return Err(Failure::new(Reason::ApplyFailed, format!("\"{shown}\" cannot be the name of a unit")));
    }
    if unit::is_own(unit) {
        return Err(Failure::new(
            Reason::ApplyFailed,
            format!("{unit} is Belay's own, and no bundle may stop or start it"),
        ));
    }
    Ok(())
}

/// What systemctl complained of, on one line.
fn said(finished: &Finished) -> String {
    let text = if finished.stderr.trim().is_empty() { &finished.stdout } else { &finished.stderr };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect();
    let code = finished.code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
    if lines.is_empty() { format!("systemctl ended with {code}") } else { lines.join(" ") }
}

/// systemd itself gives a unit a minute and a half to start, and as much to stop, unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
