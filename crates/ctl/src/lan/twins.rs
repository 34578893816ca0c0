//! A device that answers at several addresses is told once. Those of one name take turns at being told; whoever then
//! shows the very job that the order became at another address is that other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_protocol::job::{Job, JobId};
use belay_protocol::local::Status;
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

/// How long a device waits for its turn: one that hangs must not hold up all that share its name.
const PATIENCE: Duration = Duration::from_secs(10);

/// The devices that are being told, by their names.
#[derive(Debug, Default)]
pub(super) struct Twins(Mutex<BTreeMap<String, Arc<Namesakes>>>);

#[derive(Debug, Default)]
struct Namesakes {
    turn: Arc<Mutex<()>>,
    jobs: Mutex<Vec<Mark>>,
}

/// What tells a job from every other: numbers alone are the same on many devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its number on its device.
    pub(super) id: JobId,
    /// When it began to be; nothing of a rollback that waits for another job, of which only the number is seen.
    created_at: Option<Timestamp>,
}

impl Mark {
    /// The mark of a job.
    pub(super) fn of(job: &Job) -> Self {
        Self { id: job.id, created_at: Some(job.created_at) }
    }

    /// The mark of a rollback that waits.
    pub(super) fn queued(id: JobId) -> Self {
        Self { id, created_at: None }
    }

    fn is_in(&self, status: &Status) -> bool {
        let same = |job: &Job| job.id == self.id && self.created_at.is_none_or(|created| created == job.created_at);
        status.queued == Some(self.id) || [&status.job, &status.last].into_iter().flatten().any(same)
    }
}

/// The right to tell a device of a name something. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    namesakes: Arc<Namesakes>,
    _alone: Option<OwnedMutexGuard<()>>,
}

impl Twins {
    /// Waits for the turn of a device of this name.
    pub(super) async fn turn(&self, name: String) -> Turn {
        let namesakes = Arc::clone(self.0.lock().await.entry(name).or_default());
        let alone = timeout(PATIENCE, Arc::clone(&namesakes.turn).lock_owned()).await.ok();
        Turn { namesakes, _alone: alone }
    }
}

impl Turn {
    /// The job that the device has of this order already.
    pub(super) async fn already(&self, status: &Status) -> Option<JobId> {
        self.namesakes.jobs.lock().await.iter().find(|mark| mark.is_in(status)).map(|mark| mark.id)
    }

    /// Says what the order became, and lets the next one have its turn.
    pub(super) async fn became(self, job: Mark) {
        self.namesakes.jobs.lock().await.push(job);
    }
}
