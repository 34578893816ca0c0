//! The device's profile: measured by the host when something may have changed, never while a job runs.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use belay_protocol::job::{Generation, JobId};
use belay_protocol::sync::Profile;

use crate::daemon::handle::Handle;
use crate::durable::digest_of_bytes;
use crate::facts::Sources;
use crate::machine::effect::{Inspected, Inspection};
use crate::machine::state::State;

/// How long the host may take to measure; the poll goes on without it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The profile, and what it was measured for.
#[derive(Debug)]
pub struct Measurer {
    sources: Sources,
    measured: Option<Measured>,
}

/// A profile with its tag.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The profile.
    pub profile: Profile,
    /// The first 16 hex digits of its digest.
    pub tag: String,
    seen: Seen,
}

/// What changes with everything that a measurement could find.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    job: Option<JobId>,
    generation: Generation,
    attention: bool,
    dpkg: Option<Stamp>,
    facts: [String; 4],
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Measurer {
    /// Nothing is measured yet.
    pub fn new(sources: Sources) -> Self {
        Self { sources, measured: None }
    }

    /// The profile as it was last measured; none before the first time.
    pub fn measured(&self) -> Option<&Measured> {
        self.measured.as_ref()
    }

    /// What is known where nothing could be measured yet: the facts.
    pub fn unmeasured(&self) -> Profile {
        Profile { facts: self.sources.facts(), ..Profile::default() }
    }

    /// What the device is and where its facts lie.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Measures where something may have changed. What cannot be measured now is tried again at the next poll.
    pub async fn refresh(&mut self, handle: &Handle, state: &State) {
        if state.running.is_some() {
            return;
        }
        // Before the host looks: what changes meanwhile is measured again.
        let seen = Seen {
            job: state.ended.back().map(|job| job.id),
            generation: state.generation,
            attention: state.needs_attention(),
            dpkg: self.stamp(),
            facts: self.sources.passing(),
        };
        if self.measured.as_ref().is_some_and(|measured| measured.seen == seen) {
            return;
        }
        match tokio::time::timeout(PATIENCE, handle.inspect(Inspection::Measure)).await {
            Ok(Ok(Inspected::Measured(installed))) => {
                let profile = Profile { installed, facts: self.sources.facts() };
                self.measured = Some(Measured { tag: tag_of(&profile), profile, seen });
            }
            Ok(Ok(
                Inspected::RestorePoints(_) | Inspected::Findings(_) | Inspected::Bundles(_) | Inspected::Pruned { .. },
            )) => {
                tracing::warn!("the host answered another question than what is installed");
            }
            Ok(Err(failure)) => tracing::debug!("what is installed was not measured: {}", failure.message),
            Err(_) => tracing::debug!("what is installed was not measured: the host took too long"),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let metadata = std::fs::metadata(self.sources.dpkg_status()).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(Stamp { modified, size: metadata.size(), inode: metadata.ino() })
    }
}

fn tag_of(profile: &Profile) -> String {
    let json = serde_json::to_vec(profile).expect("a profile is plain data");
    let mut tag = digest_of_bytes(&json).to_string();
    tag.truncate(16);
    tag
}

#[cfg(test)]
mod tests;
