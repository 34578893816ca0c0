//! Cuts the power of a live machine, in the phase that its console tells of; then its disk is judged like the others.

use std::fs;
use std::path::{Path, PathBuf};

use crate::campaign::Campaign;
use crate::judge::Side;
use crate::machine::Machine;
use crate::payload::Job;
use crate::story::Recording;
use crate::tools::Tools;

/// One kill: which job, and what the console has to say just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// The phase, for people.
    pub phase: &'static str,
    /// The job during which the power goes.
    pub job: Job,
    /// The power goes when a line has this.
    pub at: &'static str,
    /// So many writes to the disk later.
    pub writes: u64,
}

/// The kills. An emulated machine is killed, so what its system had not yet written is lost, and what it had not flushed
/// is not: that is what replaying the log is for.
pub const KILLS: [Kill; 10] = [
    Kill { phase: "capture", job: Job::Update, at: "saving the way back", writes: 3 },
    Kill { phase: "capture", job: Job::Update, at: "saving the way back", writes: 40 },
    Kill { phase: "unpacking", job: Job::Update, at: "unpacking cut-addition", writes: 0 },
    Kill { phase: "unpacking", job: Job::Update, at: "unpacking cut-lib", writes: 12 },
    Kill { phase: "unpacking", job: Job::Rollback, at: "unpacking cut-app", writes: 5 },
    Kill { phase: "configuring", job: Job::Update, at: "configuring cut-lib", writes: 0 },
    Kill { phase: "configuring", job: Job::Update, at: "configuring cut-app", writes: 4 },
    Kill { phase: "configuring", job: Job::Rollback, at: "configuring cut-lib", writes: 1 },
    // Judging itself writes that it began, and nothing else until its verdict; so many writes are the commit's.
    Kill { phase: "commit", job: Job::Update, at: "checking health", writes: 15 },
    Kill { phase: "commit", job: Job::Bundle, at: "checking health", writes: 25 },
];

/// Carries out all kills, or one of them by its number from 1. Tells whether each ended old or new.
///
/// # Errors
/// When a machine does not start, or does not come to the phase.
pub fn all(
    tools: &Tools,
    recording: &Recording,
    work: &Path,
    case: Option<usize>,
    say: &mut dyn FnMut(&str),
) -> Result<bool, String> {
    let mut campaign = Campaign::open(recording, work, 0)?;
    let mut right = true;
    for (number, kill) in KILLS.iter().enumerate().filter(|(number, _)| case.is_none_or(|case| case == number + 1)) {
        let image = work.join("kill.img");
        let said = live(tools, &mut campaign, kill, &image)?;
        let verdict = campaign.judge_live(kill.job, &image);
        let told = match &verdict {
            Ok(Side::Old) => "old".to_owned(),
            Ok(Side::New) => "new".to_owned(),
            Err(why) => format!("FAILED: {why}"),
        };
        right &= verdict.is_ok();
        say(&format!("{:>2} {:<11} {:<15} after {said:?}: {told}", number + 1, kill.phase, kill.job.name()));
    }
    Ok(right)
}

/// Runs the story live until the kill. Returns the last that the console said.
fn live(tools: &Tools, campaign: &mut Campaign, kill: &Kill, image: &Path) -> Result<String, String> {
    let log = image.with_extension("log");
    campaign.disk_before(kill.job, image)?;
    let mut machine = Machine::start(tools, image, Some(&log))?;
    machine.wait_until_ready()?;
    machine.run("sync")?;
    machine.type_line(&format!("belay-agent {} 2>&1 | cat", kill.job.arguments()))?;
    let line = machine.wait_for(kill.at)?;
    // Counted in the log, for a machine writes when it likes, not when a clock says so.
    let enough = line.log + kill.writes * LEAST;
    while machine.logged() < enough && machine.is_running() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    machine.cut();
    remove(&log);
    Ok(line.text)
}

/// Bytes that one write of a file system's block takes in the log.
const LEAST: u64 = 4096 + 512;

fn remove(path: &PathBuf) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests;
