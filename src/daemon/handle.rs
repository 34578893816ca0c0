//! How doors speak to the daemon: requests go in by a channel, views come out by a watch.

use std::sync::Arc;

use belay_protocol::Failure;
use belay_protocol::job::{Door, JobId, Progress, Request};
use tokio::sync::{mpsc, oneshot, watch};

use crate::machine::admit::Denial;
use crate::machine::effect::{Inspected, Inspection};
use crate::machine::state::State;

/// What doors are shown: the newest state, replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The machine's state.
    pub state: Arc<State>,
    /// How far the running job's step has come.
    pub progress: Option<Progress>,
    /// What a person should know: open doors, unsafe settings.
    pub warnings: Vec<String>,
}

#[cfg(test)]
impl View {
    /// The state, to be changed: views of tests are made of one.
    pub(crate) fn state_mut(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }
}

/// A message from a door.
#[derive(Debug)]
pub enum Call {
    /// Admit a job.
    Request {
        /// What is asked.
        request: Request,
        /// Which door asks.
        door: Door,
        /// The requester's key.
        idempotency_key: Option<String>,
        /// Where the job's number, or the refusal, goes.
        answer: oneshot::Sender<Result<Admitted, Denial>>,
    },
    /// Ask the host a question.
    Inspect {
        /// The question.
        inspection: Inspection,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Inspected, Failure>>,
    },
}

/// A request that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The job to watch: a new one, the one that this key named before, or the one that is being cancelled.
    pub job: JobId,
    /// Whether the job is new.
    pub new: bool,
}

/// A door's end of the channels.
#[derive(Debug, Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
    view: watch::Receiver<Arc<View>>,
}

impl Handle {
    /// Wraps the two channels; the daemon holds the other ends.
    pub fn new(calls: mpsc::Sender<Call>, view: watch::Receiver<Arc<View>>) -> Self {
        Self { calls, view }
    }

    /// Asks for a job.
    pub async fn request(
        &self,
        request: Request,
        door: Door,
        idempotency_key: Option<String>,
    ) -> Result<Admitted, Denial> {
        let (answer, receive) = oneshot::channel();
        let call = Call::Request { request, door, idempotency_key, answer };
        self.calls.send(call).await.map_err(|_| Denial::stopping())?;
        receive.await.map_err(|_| Denial::stopping())?
    }

    /// Asks the host a question that is no part of a job.
    pub async fn inspect(&self, inspection: Inspection) -> Result<Inspected, Failure> {
        let (answer, receive) = oneshot::channel();
        let stopping = || Denial::stopping().failure;
        self.calls.send(Call::Inspect { inspection, answer }).await.map_err(|_| stopping())?;
        receive.await.map_err(|_| stopping())?
    }

    /// The view, now and as it changes.
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }
}
