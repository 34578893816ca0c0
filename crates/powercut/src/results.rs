//! What came of each disk, kept line by line so that a campaign can be stopped and taken up again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What came of one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The disk's number in the plan.
    pub index: usize,
    /// The job that was running.
    pub job: String,
    /// What the agent was doing.
    pub phase: String,
    /// `boundary` or `subset`.
    pub kind: String,
    /// `old`, `new` or `failed`.
    pub verdict: String,
    /// How long it took.
    pub milliseconds: u64,
    /// What is wrong; empty where nothing is.
    pub why: String,
}

/// A folder of results, one file for each run.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
    file: File,
}

impl Results {
    /// Opens a folder of results to add to it, in a file of that name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(name).with_extension("jsonl");
        fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).append(true).open(&path))
            .map(|file| Self { folder: folder.to_owned(), file })
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Adds one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, outcome: &Outcome) -> Result<(), String> {
        writeln!(self.file, "{}", outcome.to_json()).map_err(|error| format!("cannot write a result: {error}"))
    }

    /// All that the folder holds, whoever wrote it; of one disk the last.
    pub fn all(&self) -> BTreeMap<usize, Outcome> {
        all_in(&self.folder)
    }
}

/// All results of a folder; of one disk the last.
pub fn all_in(folder: &Path) -> BTreeMap<usize, Outcome> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts
        .flat_map(|text| text.lines().filter_map(Outcome::parse).collect::<Vec<_>>())
        .map(|one| (one.index, one))
        .collect()
}

/// How many of each phase and kind became old, new or failed: rows of a table in Markdown.
pub fn table(outcomes: &BTreeMap<usize, Outcome>) -> String {
    let mut rows: BTreeMap<(usize, &str, &str), [usize; 5]> = BTreeMap::new();
    // Jobs stand in the order in which they were done, and so do the phases of each.
    let mut firsts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for outcome in outcomes.values() {
        let (job, phase) = (outcome.job.as_str(), short(&outcome.phase));
        let first = *firsts.entry((job, phase)).or_insert(outcome.index);
        let row = rows.entry((first, job, phase)).or_default();
        row[usize::from(outcome.kind != "boundary")] += 1;
        row[match outcome.verdict.as_str() {
            "old" => 2,
            "new" => 3,
            _ => 4,
        }] += 1;
    }
    let mut text =
        String::from("| job | phase | boundaries | subsets | old | new | failed |\n|---|---|---|---|---|---|---|\n");
    for ((_, job, phase), [boundaries, subsets, old, new, failed]) in rows {
        text += &format!("| {job} | {phase} | {boundaries} | {subsets} | {old} | {new} | {failed} |\n");
    }
    text
}

/// The phase without the job, and what dpkg does without the package that it does it to.
fn short(phase: &str) -> &str {
    let words = phase.split_once(": ").map_or(phase, |(_, words)| words);
    match words.split_once(": ") {
        Some(("dpkg", doing)) => doing.split(' ').next().unwrap_or(doing),
        Some((job, step)) if job.starts_with("job ") => step,
        Some(_) | None => words,
    }
}

impl Outcome {
    fn to_json(&self) -> Value {
        json!({
            "index": self.index, "job": self.job, "phase": self.phase, "kind": self.kind,
            "verdict": self.verdict, "ms": self.milliseconds, "why": self.why,
        })
    }

    /// Reads a line of a file. One that was cut off is none.
    fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| Some(value[name].as_str()?.to_owned());
        Some(Self {
            index: usize::try_from(value["index"].as_u64()?).ok()?,
            job: text("job")?,
            phase: text("phase")?,
            kind: text("kind")?,
            verdict: text("verdict")?,
            milliseconds: value["ms"].as_u64()?,
            why: text("why")?,
        })
    }
}

#[cfg(test)]
mod tests;
