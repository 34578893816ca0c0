//! A recorded story: the disk before, the log of all writes after, and which part of the log belongs to what.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::payload::Job;

/// Where the parts of a recording lie.
#[derive(Clone, Debug)]
pub struct Recording {
    folder: PathBuf,
}

/// What was recorded, by lengths of the log in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Which agent: the commit and its package's digest.
    pub agent: String,
    /// The jobs, in their order.
    pub chapters: Vec<Chapter>,
    /// From where on the device was in which phase of its job.
    pub phases: Vec<(u64, String)>,
}

/// One job of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Which.
    pub job: Job,
    /// Everything before was flushed: the state up to here is the old one.
    pub from: u64,
    /// The agent had answered that the job ended.
    pub answered: u64,
    /// Everything was flushed again: the state here is the new one.
    pub until: u64,
}

impl Recording {
    /// The recording in this folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The disk before the machine started.
    pub fn before(&self) -> PathBuf {
        self.folder.join("before.img")
    }

    /// The disk when its power was cut.
    pub fn after(&self) -> PathBuf {
        self.folder.join("after.img")
    }

    /// The log of its writes.
    pub fn log(&self) -> PathBuf {
        self.folder.join("writes.log")
    }

    /// The story, written last: with it the recording is complete.
    pub fn story(&self) -> PathBuf {
        self.folder.join("story.json")
    }

    /// What the console said.
    pub fn console(&self) -> PathBuf {
        self.folder.join("console.txt")
    }
}

impl Story {
    /// The phase at that length of the log: the chapter's job and the agent's last step.
    pub fn phase(&self, at: u64) -> &str {
        let last = self.phases.iter().rev().find(|(from, _)| *from <= at);
        last.map_or("before", |(_, name)| name.as_str())
    }

    /// The story as it is kept.
    pub fn to_json(&self) -> Value {
        let chapters: Vec<Value> = self
            .chapters
            .iter()
            .map(|chapter| {
                json!({"job": chapter.job.name(), "from": chapter.from, "answered": chapter.answered, "until": chapter.until})
            })
            .collect();
        let phases: Vec<Value> = self.phases.iter().map(|(at, name)| json!({"at": at, "name": name})).collect();
        json!({"agent": self.agent, "chapters": chapters, "phases": phases})
    }

    /// Reads a story that was kept; nothing when it is no story.
    pub fn from_json(value: &Value) -> Option<Self> {
        let chapter = |value: &Value| {
            let name = value["job"].as_str()?;
            Some(Chapter {
                job: Job::ALL.into_iter().find(|job| job.name() == name)?,
                from: value["from"].as_u64()?,
                answered: value["answered"].as_u64()?,
                until: value["until"].as_u64()?,
            })
        };
        let phase = |value: &Value| Some((value["at"].as_u64()?, value["name"].as_str()?.to_owned()));
        Some(Self {
            agent: value["agent"].as_str()?.to_owned(),
            chapters: value["chapters"].as_array()?.iter().map(chapter).collect::<Option<_>>()?,
            phases: value["phases"].as_array()?.iter().map(phase).collect::<Option<_>>()?,
        })
    }

    /// Reads the story of a recording.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(recording: &Recording) -> Result<Self, String> {
        let path = recording.story();
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let value = serde_json::from_str(&text).ok().as_ref().and_then(Self::from_json);
        value.ok_or_else(|| format!("{} tells no story", path.display()))
    }
}

#[cfg(test)]
mod tests;
