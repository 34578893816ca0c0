//! Makes syncs durable, many in one transaction: whatever waits when one transaction ends goes into the next.
//!
//! The queue is bounded; who finds it full is told to come again. Where a transaction fails, each of its syncs is tried
//! alone, so that one that cannot be stored hurts nobody else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_protocol::DeviceId;
use belay_protocol::sync::SyncRequest;
use tokio::sync::oneshot;

use super::record::{self, Taken};
use super::{Kind, Service, ServiceError};
use crate::store::StoreError;

/// Syncs that wait to be made durable.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether somebody is at work on the queue.
    at_work: bool,
    /// Whether the server ends as soon as nothing waits.
    ends: bool,
}

#[derive(Debug)]
struct Waiting {
    job: Arc<Job>,
    answer: oneshot::Sender<Result<Taken, ServiceError>>,
}

/// What one device sent.
#[derive(Debug)]
pub(super) struct Job {
    /// The device, by its key.
    pub(super) device: DeviceId,
    /// What it sent.
    pub(super) request: SyncRequest,
}

impl Service {
    /// Makes a sync durable. It goes on where nobody waits for it any more.
    pub(super) async fn record(&self, job: Job) -> Result<Taken, ServiceError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.recorder.queue();
            if queue.waiting.len() >= QUEUE {
                self.stats.busy.add(1);
                return Err(busy());
            }
            queue.waiting.push_back(Waiting { job: Arc::new(job), answer });
            self.stats.waiting.add(1);
            if !queue.at_work {
                queue.at_work = true;
                tokio::spawn(self.clone().work());
            }
        }
        answered.await.unwrap_or_else(|_| Err(ServiceError::new(Kind::Internal, "store", "the recorder ended early")))
    }

    /// Waits until nothing waits any more. Where the database turns out to be away, that is at once: what waits is not
    /// acknowledged, and comes again.
    pub(super) async fn recorded(&self) {
        self.recorder.queue().ends = true;
        while self.recorder.queue().at_work {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn work(self) {
        let mut shift = Shift { recorder: &self.recorder, over: false };
        while let Some(batch) = shift.next() {
            self.stats.waiting.subtract(batch.len());
            // A histogram of sizes: as seconds, because it knows nothing else.
            self.stats.batch_size.observe(Duration::from_secs(batch.len() as u64));
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Vec<Waiting>) {
        match self.transact(batch.iter().map(|waiting| Arc::clone(&waiting.job)).collect()).await {
            Ok(taken) => {
                for (waiting, taken) in batch.into_iter().zip(taken) {
                    self.answer(waiting, Ok(taken));
                }
            }
            Err(error) if !error.is_outage() => {
                tracing::warn!(syncs = batch.len(), %error, "a transaction failed; its syncs are tried one by one");
                for waiting in batch {
                    let taken = self.alone(&waiting.job).await;
                    self.answer(waiting, taken);
                }
            }
            Err(error) => {
                tracing::warn!(syncs = batch.len(), %error, "the database does not answer; nothing was acknowledged");
                for waiting in batch.into_iter().chain(self.given_up()) {
                    self.answer(waiting, Err(away()));
                }
            }
        }
    }

    /// At the end, all that still wait: each batch would wait for the database as long as the one before it.
    fn given_up(&self) -> VecDeque<Waiting> {
        let mut queue = self.recorder.queue();
        let given_up = if queue.ends { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
        self.stats.waiting.subtract(given_up.len());
        given_up
    }

    /// Tries a sync by itself, again where somebody else wrote in between.
    async fn alone(&self, job: &Arc<Job>) -> Result<Taken, ServiceError> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match self.transact(vec![Arc::clone(job)]).await {
                Err(StoreError::Stale) if left > 0 => {}
                ended => return Ok(ended?.pop().ok_or(StoreError::Stale)?),
            }
        }
    }

    async fn transact(&self, jobs: Vec<Arc<Job>>) -> Result<Vec<Taken>, StoreError> {
        let now = self.clock.now();
        // Two servers that lock the same devices do so in the same order. What belongs to one device stays in order.
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by(|one, other| jobs[*one].device.cmp(&jobs[*other].device));
        let sorted: Vec<_> = order.iter().map(|at| Arc::clone(&jobs[*at])).collect();
        let taken = self.store.write(move |connection| {
            let sorted = sorted.clone();
            Box::pin(async move {
                let mut taken = Vec::with_capacity(sorted.len());
                for job in &sorted {
                    taken.push(record::record(&mut *connection, job, now).await?);
                }
                Ok(taken)
            })
        });
        let mut taken: Vec<_> = order.into_iter().zip(taken.await?).collect();
        taken.sort_by_key(|(at, _)| *at);
        Ok(taken.into_iter().map(|(_, taken)| taken).collect())
    }

    /// Memory and engine learn of it before the device does.
    fn answer(&self, waiting: Waiting, taken: Result<Taken, ServiceError>) {
        match &taken {
            Ok(Taken::Recorded(recorded)) => {
                self.stats.recorded.add(1);
                self.memory.learn(recorded.keyed.clone());
                self.memory.tell(&recorded.keyed.id, recorded.open.clone());
                if recorded.engine {
                    self.engine.notify_one();
                }
            }
            Ok(Taken::Unknown) => self.memory.forget(&waiting.job.device),
            Ok(Taken::Revoked(keyed)) => {
                self.memory.learn(keyed.clone());
            }
            Err(_) => {}
        }
        // Who does not wait any more will send it again.
        let _ = waiting.answer.send(taken);
    }
}

impl Recorder {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's work on the queue. However it ends, another one can begin.
struct Shift<'r> {
    recorder: &'r Recorder,
    over: bool,
}

impl Shift<'_> {
    /// The next syncs to write together; none where none wait, and then the work is over.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.recorder.queue();
        let size = queue.waiting.len().min(BATCH);
        if size == 0 {
            queue.at_work = false;
            self.over = true;
            return None;
        }
        Some(queue.waiting.drain(..size).collect())
    }
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.recorder.queue().at_work = false;
        }
    }
}

fn away() -> ServiceError {
    ServiceError::from(StoreError::Database(sqlx::Error::PoolClosed))
}

fn busy() -> ServiceError {
    ServiceError::new(Kind::TooMany, "busy", "too many devices report at once; send it again in a few seconds")
}

/// How often a sync is tried by itself.
const ATTEMPTS: u32 = 4;

/// How many syncs may wait.
const QUEUE: usize = 4_096;

/// How many syncs one transaction makes durable at most.
const BATCH: usize = 128;

#[cfg(test)]
mod tests;
