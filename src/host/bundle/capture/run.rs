//! Starts the process that makes the namespaces, and makes an answer of how the script in them ended.

use std::path::Path;
use std::time::Duration;

use belay_protocol::{Failure, Reason};

use crate::host::bundle::inside::{self, Ended, Outcome, Sees, Spec};
use crate::host::bundle::script::{self, Script};
use crate::host::command::{Command, CommandError};
use crate::host::disk;

/// Runs a script to its end; the scratch folder is there.
pub(super) fn to_its_end(
    root: &Path,
    scratch: &Path,
    script: &Script<'_>,
    sees: Sees,
    socket: &Path,
) -> Result<Ended, Failure> {
    let spec = Spec {
        root: root.to_owned(),
        scratch: scratch.to_owned(),
        program: script.program.to_owned(),
        bundle: script.bundle.to_owned(),
        script: script.name.to_owned(),
        environment: script.environment.clone(),
        timeout_ms: u64::try_from(script.timeout.as_millis()).unwrap_or(u64::MAX),
        sees,
        socket: socket.to_owned(),
    };
    let file = Spec::file(scratch);
    let bytes = serde_json::to_vec(&spec).map_err(|error| unusable(&error.to_string()))?;
    disk::write(&file, &bytes, disk::Attributes::mode(0o600))?;
    let asker = Spec::asker(scratch);
    let held = inside::lock(&asker).map_err(|error| disk::failure("lock", &asker, &error))?;
    let _held = held.ok_or_else(|| unusable("another process uses its folder"))?;
    let said_before = std::fs::metadata(&script.log).map_or(0, |log| log.len());
    let finished = command(script, &file).run();
    let outcome = std::fs::read(Spec::outcome(scratch)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let last = script::last_lines(&script.log, said_before);
    match (outcome, finished) {
        (Some(outcome), Ok(_)) => judge(outcome, script, scratch, &last),
        (_, Err(CommandError::Timeout { .. })) => Err(too_long(script, &last)),
        (_, Err(error @ CommandError::Start { .. })) => Err(unusable(&error.to_string())),
        (None, Ok(finished)) => {
            let code = finished.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            let message = format!("{} was ended from outside ({code}){}; try again", script.name, said(&last));
            Err(Failure::new(Reason::ScriptFailed, message))
        }
    }
}

fn command(script: &Script<'_>, spec: &Path) -> Command {
    // It watches the time itself, and ends everything in order.
    let timeout = script.timeout.saturating_add(RESERVE);
    let mut command = Command::new(script.program).arg("inside").arg(spec).timeout(timeout);
    command = command.unit(script.unit.clone()).property(format!("TasksMax={TASKS}"));
    if let Some(bytes) = script.memory {
        command = command.property(format!("MemoryMax={bytes}"));
    }
    command.log(&script.log, script.log_bytes)
}

fn judge(outcome: Outcome, script: &Script<'_>, scratch: &Path, last: &[String]) -> Result<Ended, Failure> {
    let ended = match outcome {
        Outcome::Ended(ended) => ended,
        Outcome::TimedOut => return Err(too_long(script, last)),
        Outcome::NotStarted { message } => return Err(Failure::new(Reason::ScriptFailed, message)),
        Outcome::Unbuilt(refused) if refused.full => return Err(Failure::new(Reason::NoSpace, refused.message)),
        Outcome::Unbuilt(refused) => return Err(unusable(&refused.message)),
    };
    if ended.code == Some(0) {
        if ended.left.is_empty() {
            return Ok(ended);
        }
        let message = format!(
            "{} left processes running, which were ended: {}; let systemd start services, or wait for what it starts",
            script.name,
            ended.left.join(", ")
        );
        return Err(Failure::new(Reason::ScriptLeftProcess, message));
    }
    let how = match (ended.code, ended.signal) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "was ended".to_owned(),
    };
    if disk::free_bytes(scratch).is_some_and(|free| free < NOTHING_FREE) {
        let message = format!("{} {how} because the disk is full; free some space{}", script.name, said(last));
        return Err(Failure::new(Reason::NoSpace, message));
    }
    Err(Failure::new(Reason::ScriptFailed, format!("{} {how}{}", script.name, said(last))))
}

fn too_long(script: &Script<'_>, last: &[String]) -> Failure {
    let limit = script.timeout.as_secs_f64();
    let message = format!("{} was ended because it ran longer than {limit} s{}", script.name, said(last));
    Failure::new(Reason::ScriptTimeout, message)
}

fn said(last: &[String]) -> String {
    if last.is_empty() { "; it said nothing".to_owned() } else { format!("; it said last:\n{}", last.join("\n")) }
}

fn unusable(why: &str) -> Failure {
    Failure::new(Reason::State, format!("a script cannot be run apart from the device: {why}"))
}

/// How much longer than the script what watches it may take.
const RESERVE: Duration = Duration::from_secs(60);

/// Processes and threads that a script may have at once, where systemd runs the device.
const TASKS: u32 = 1024;

/// Fewer bytes than any file takes on a disk that still has room.
const NOTHING_FREE: u64 = 64 << 10;
