//! What systemd tells of its units. The parsers take its text as it came.

use std::collections::BTreeMap;
use std::ops::Not;
use std::path::Path;
use std::time::Duration;

use belay_protocol::health::CheckResult;

use super::probe::{Seen, of_child};
use crate::host::command::{Command, Finished};
use crate::machine::rescue::units;
use crate::telemetry::notify;

/// Whether systemd runs the device whose root this is: the machine's own, and not a sandbox on it.
pub(in crate::host) fn runs(root: &Path) -> bool {
    root == Path::new("/") && Path::new("/run/systemd/system").is_dir()
}

/// Units in state `failed`.
pub(super) fn failed_units() -> Result<Vec<String>, String> {
    ask(&["list-units", "--failed", "--plain", "--no-legend", "--no-pager"]).map(|text| parse_failed(&text))
}

/// How often systemd restarted each service that it ever restarted. Not our own: a job outlives them, and a host makes room
/// for its successor by ending. Whether they are up is a check of its own.
pub(super) fn restarts() -> Result<BTreeMap<String, u64>, String> {
    let text = ask(&["show", "--property=Id,NRestarts", "--no-pager", "*.service"])?;
    let mut restarts = parse_restarts(&text);
    restarts.retain(|unit, _| !units::ALL.contains(&unit.as_str()));
    Ok(restarts)
}

/// Lets systemd forget failures of units that are no longer there: an update that was undone leaves none behind.
pub(in crate::host) fn forget_gone() -> Result<(), String> {
    for unit in failed_units()? {
        if !is_known(&unit) {
            ask(&["reset-failed", "--", &unit])?;
        }
    }
    Ok(())
}

/// Whether there is such a unit, whatever may be wrong with it; where systemd does not say, there is.
pub(in crate::host) fn is_known(unit: &str) -> bool {
    property(unit, "LoadState").is_ok_and(|state| state == "not-found").not()
}

/// Whether a unit is active and says that it is in service.
pub(super) fn is_in_service(unit: &str) -> Seen {
    let (state, status) = (property(unit, "ActiveState"), property(unit, "StatusText"));
    match (state.as_deref(), status.as_deref()) {
        (Ok("active"), Ok(notify::IN_SERVICE)) => Seen::good(format!("{unit}: {}", notify::IN_SERVICE)),
        (Ok(state), Ok(status)) => Seen::bad(format!("{unit}: {state}, {status:?}")),
        (Err(error), _) | (_, Err(error)) => Seen::bad(error),
    }
}

fn property(unit: &str, name: &str) -> Result<String, String> {
    ask(&["show", &format!("--property={name}"), "--value", "--", unit]).map(|text| text.trim().to_owned())
}

/// Which of these units are in that state, such as `failed` where systemd gave up.
pub(in crate::host) fn in_state<'a>(units: &[&'a str], state: &str) -> Result<Vec<&'a str>, String> {
    let mut found = Vec::new();
    for unit in units {
        // One question each: a unit that is not there leaves no gap in an answer about many.
        if property(unit, "ActiveState")? == state {
            found.push(*unit);
        }
    }
    Ok(found)
}

/// Whether a unit is to be started at boot.
pub(in crate::host) fn is_enabled(unit: &str) -> bool {
    property(unit, "UnitFileState").is_ok_and(|state| state == "enabled")
}

/// Starts units that systemd gave up on, without waiting for them.
pub(in crate::host) fn revive(units: &[&str]) -> Result<(), String> {
    ask(&[&["reset-failed", "--"], units].concat())?;
    start(units)
}

/// Starts units, without waiting for them.
pub(in crate::host) fn start(units: &[&str]) -> Result<(), String> {
    ask(&[&["start", "--no-block", "--"], units].concat()).map(drop)
}

/// Waits until the device has started, well or badly, or the patience is over.
pub(in crate::host) fn wait_for_boot(patience: Duration) {
    // It ends with a code of its own for every state but one, and the state is not the question.
    let waited = Command::new("systemctl").args(["is-system-running", "--wait"]).timeout(patience).run();
    if let Err(error) = waited {
        tracing::warn!("the device is judged before it has started: {error}");
    }
}

/// Whether a unit is active.
pub(super) fn is_active(unit: &str, timeout: Duration) -> Seen {
    let seen = of_child(Command::new("systemctl").args(["is-active", "--", unit]).timeout(timeout).run());
    Seen { message: format!("{unit}: {}", seen.message), ..seen }
}

/// Watches the restart counters for a while. An update that starts a service anew sets its counter back, so that the
/// counters before and after the update alone would hide a service that crashes ever since.
pub(super) fn watch(settle: Duration) -> CheckResult {
    let seen = match restarts() {
        Err(error) => Seen::bad(error),
        Ok(first) => {
            std::thread::sleep(settle);
            restarts().map_or_else(Seen::bad, |last| compare(&first, &last, settle))
        }
    };
    CheckResult { name: "units".to_owned(), required: true, passed: seen.passed, message: seen.message }
}

fn compare(first: &BTreeMap<String, u64>, last: &BTreeMap<String, u64>, settle: Duration) -> Seen {
    let seconds = settle.as_secs_f32();
    let more = |(unit, count): (&String, &u64)| {
        let more = count.saturating_sub(first.get(unit).copied().unwrap_or(0));
        (more > 0).then(|| format!("{unit} ({more}x)"))
    };
    let restarted: Vec<_> = last.iter().filter_map(more).collect();
    if restarted.is_empty() {
        return Seen::good(format!("no service was restarted by systemd within {seconds} s"));
    }
    Seen::bad(format!("restarted by systemd within {seconds} s: {}", restarted.join(", ")))
}

fn ask(args: &[&str]) -> Result<String, String> {
    let finished = Command::new("systemctl").args(args).timeout(TIMEOUT).run().map_err(|error| error.to_string())?;
    answered(finished)
}

/// Standard output, where systemctl did not fail: an empty text must mean that there is nothing to tell.
fn answered(finished: Finished) -> Result<String, String> {
    if finished.code == Some(0) { Ok(finished.stdout) } else { Err(format!("systemctl: {}", finished.stderr.trim())) }
}

/// The first word of each line; old versions mark failed units with a dot before it.
fn parse_failed(text: &str) -> Vec<String> {
    let name = |line: &str| line.split_whitespace().find(|word| word.contains('.')).map(str::to_owned);
    text.lines().filter_map(name).collect()
}

/// Blocks of `Id=` and `NRestarts=` lines, in either order, with a blank line between them.
fn parse_restarts(text: &str) -> BTreeMap<String, u64> {
    let property = |block: &str, name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let restarts = text.split("\n\n").filter_map(|block| {
        let count = property(block, "NRestarts=")?.trim().parse().ok()?;
        Some((property(block, "Id=")?, count))
    });
    restarts.filter(|(_, count)| *count > 0).collect()
}

const TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
