//! Says of one disk what came of it: recovered by its own units, exactly old or exactly new, and with a clear account.

use std::path::Path;

use serde_json::Value;

use crate::container::Container;
use crate::mount::Mounted;
use crate::payload::Job;
use crate::state::{Known, State};

/// What a device may be after a cut.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The job that was running.
    pub job: Job,
    /// As before it.
    pub old: Legal,
    /// As after it.
    pub new: Legal,
    /// Whether it may still be old: not once the device had answered.
    pub may_be_old: bool,
}

/// A state that is as it should be.
#[derive(Clone, Debug)]
pub struct Legal {
    /// All that is measured.
    pub state: State,
    /// The generation that the agent says is in force.
    pub generation: u64,
}

/// What a disk turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// As before the job.
    Old,
    /// As after it.
    New,
}

/// Boots the disk, lets it recover twice, and judges it.
///
/// # Errors
/// What is wrong with it, and the agent's log.
pub fn judge(image: &Path, point: &Path, known: &Known, expected: &Expected) -> Result<Side, String> {
    let mounted = Mounted::new(image, point)?;
    let container = Container::boot(mounted.point(), &name(point))?;
    let told = |why: String| format!("{why}\n{}", container.journal());
    let status = container.wait_until_idle()?;
    let first = State::of(mounted.point(), known).map_err(told)?;
    let side = side(&first, expected).map_err(told)?;
    account(&container, &status, side, expected).map_err(told)?;
    container.run(AGAIN).map_err(told)?;
    container.wait_until_idle()?;
    let second = State::of(mounted.point(), known).map_err(told)?;
    let changed = first.differences(&second);
    if !changed.is_empty() {
        return Err(told(format!("a second recovery changed the device:\n  {}", changed.join("\n  "))));
    }
    match mounted.errors()? {
        0 => Ok(side),
        errors => Err(told(format!("the kernel found {errors} errors in the file system"))),
    }
}

/// A name that no other container on this machine has: that of the folder which the disk is mounted in.
fn name(point: &Path) -> String {
    let folder = point.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    format!("powercut-{}-{}", std::process::id(), folder.trim_start_matches('.'))
}

/// Recovery once more, by the unit that does it at boot.
const AGAIN: &str = "systemctl restart belay-guard.service";

/// Which of the two it is.
fn side(state: &State, expected: &Expected) -> Result<Side, String> {
    let from_old = expected.old.state.differences(state);
    if from_old.is_empty() && expected.may_be_old {
        return Ok(Side::Old);
    }
    let from_new = expected.new.state.differences(state);
    if from_new.is_empty() {
        return Ok(Side::New);
    }
    if from_old.is_empty() {
        return Err("the device had answered that the job was done, and is as before it".to_owned());
    }
    let list = |differences: Vec<String>| differences.into_iter().take(20).collect::<Vec<_>>().join("\n    ");
    Err(format!("neither old nor new.\n  from old:\n    {}\n  from new:\n    {}", list(from_old), list(from_new)))
}

/// Whether the agent tells the same story as the disk: nothing open, the right generation, an end of the job.
fn account(container: &Container, status: &Value, side: Side, expected: &Expected) -> Result<(), String> {
    if status["needs_attention"] != Value::Bool(false) {
        return Err(format!("the agent asks for attention: {status:#}"));
    }
    in_force(status, side, expected)?;
    let audit = container.run("dpkg --audit; ls /var/lib/dpkg/updates")?;
    if !audit.trim().is_empty() {
        return Err(format!("dpkg finds something: {audit}"));
    }
    let history = container.run("belay-agent history --json")?;
    let history: Value = serde_json::from_str(&history).map_err(|error| format!("no history: {error}: {history}"))?;
    let number = Job::ALL.iter().position(|job| *job == expected.job).map_or(0, |at| at as u64 + 1);
    let job = history["jobs"].as_array().and_then(|jobs| jobs.iter().find(|job| job["id"].as_u64() == Some(number)));
    ended_as(job, side, expected.job).map_err(|why| format!("{why}: {history:#}"))
}

/// Whether the generation in force is that of the state. A job that began anew after the cut may have passed a number by.
fn in_force(status: &Value, side: Side, expected: &Expected) -> Result<(), String> {
    let (now, previous) = (status["generation"].as_u64(), status["previous"].as_u64());
    let right = match side {
        Side::Old => now == Some(expected.old.generation),
        Side::New if expected.job.is_rollback() => now == Some(expected.new.generation),
        Side::New => now >= Some(expected.new.generation) && previous == Some(expected.old.generation),
    };
    if right { Ok(()) } else { Err(format!("the device is {side:?}, and the agent says otherwise: {status:#}")) }
}

/// Whether the job's end goes with the state. A job that the agent had not yet taken is not told of.
fn ended_as(job: Option<&Value>, side: Side, asked: Job) -> Result<(), String> {
    let Some(job) = job else {
        return match side {
            Side::Old => Ok(()),
            Side::New => Err("the device is new, and the agent knows nothing of the job".to_owned()),
        };
    };
    let end = job["state"].as_str().unwrap_or_default();
    let as_asked = end == asked.end();
    match side {
        Side::New if as_asked => Ok(()),
        Side::Old if !as_asked && ["rolled_back", "refused"].contains(&end) => Ok(()),
        Side::Old | Side::New => Err(format!("the device is {side:?}, and the job ended as {end:?}")),
    }
}

#[cfg(test)]
mod tests;
