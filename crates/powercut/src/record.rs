//! Records the story: starts a machine on a fresh disk, has each job done, and notes where in the log that was.

use std::fs;

use crate::disk::Disk;
use crate::image::Recipe;
use crate::log::{Deed, Log};
use crate::machine::{Line, Machine};
use crate::payload::Job;
use crate::story::{Chapter, Recording, Story};
use crate::tools::Tools;

/// Records the whole story into an empty folder.
///
/// # Errors
/// What did not go as it should.
pub fn record(tools: &Tools, recipe: &Recipe, recording: &Recording, kind: &str) -> Result<(), String> {
    let folder = recording.folder();
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    recipe.make(&recording.before())?;
    fs::copy(recording.before(), recording.after()).map_err(|error| format!("cannot copy the image: {error}"))?;
    let mut machine = Machine::start(tools, &recording.after(), Some(&recording.log()))?;
    let told = tell(&mut machine, kind);
    let console: String = machine.transcript().iter().map(|line| format!("{:>12} {}\n", line.log, line.text)).collect();
    keep(&recording.console(), &console)?;
    let story = told?;
    machine.cut();
    check(recording)?;
    keep(&recording.story(), &format!("{:#}\n", story.to_json()))
}

fn tell(machine: &mut Machine, kind: &str) -> Result<Story, String> {
    machine.wait_until_ready()?;
    let mut story = Story { agent: kind.to_owned(), ..Story::default() };
    for job in Job::ALL {
        machine.run("belay-agent status >/dev/null")?;
        machine.run("sync")?;
        let from = machine.logged();
        story.phases.push((from, format!("{}: asked", job.name())));
        // Not on a terminal, so that each step is a line of its own.
        let said = machine.run(&format!("set -o pipefail; belay-agent {} 2>&1 | cat", job.arguments()))?;
        let answered = machine.logged();
        story.phases.extend(said.iter().filter_map(|line| Some((line.log, phase(job, line)?))));
        story.phases.push((answered, format!("{}: answered", job.name())));
        // What the kernel writes back by itself after an answer must not undo it.
        machine.run("sleep 6")?;
        machine.run("sync")?;
        story.chapters.push(Chapter { job, from, answered, until: machine.logged() });
    }
    Ok(story)
}

/// Whether the log makes the disk that the machine had, to the byte, and has flushes in it. Else all that is built on it
/// would prove nothing.
fn check(recording: &Recording) -> Result<(), String> {
    let log = Log::open(&recording.log()).map_err(|error| format!("cannot read the log: {error}"))?;
    if !log.entries().iter().any(|entry| entry.deed == Deed::Flush) {
        return Err("there is no flush in the log: the machine's disk did not pass them on".to_owned());
    }
    let replayed = recording.folder().join("replayed.img");
    let mut disk = Disk::new(recording, &replayed)?;
    disk.advance_to(&log, log.entries().len())?;
    let same = disk.equals(&recording.after())?;
    for image in [replayed, recording.after()] {
        fs::remove_file(&image).map_err(|error| format!("cannot remove {}: {error}", image.display()))?;
    }
    if same { Ok(()) } else { Err("the log, replayed, does not make the machine's disk".to_owned()) }
}

/// The phase that a line of the console tells of: the agent's steps, and what dpkg does within them.
fn phase(job: Job, line: &Line) -> Option<String> {
    let text = line.text.trim();
    (text.starts_with("job ") || text.starts_with("dpkg: ")).then(|| format!("{}: {text}", job.name()))
}

fn keep(path: &std::path::Path, text: &str) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "a recording that was not finished is made anew")]
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
