//! How doors speak to the daemon: requests go in by a channel, views come out by a watch.

use std::sync::Arc;

use belay_protocol::Failure;
use belay_protocol::job::{Door, JobId, Progress, Request};
use belay_protocol::local::{Polled, ServerEnrolRequest, ServerLink};
use belay_protocol::sync::SyncResponse;
use tokio::sync::{mpsc, oneshot, watch};

use crate::machine::admit::Denial;
use crate::machine::effect::{Inspected, Inspection};
use crate::machine::state::State;
use crate::remote::door::{LinkDoor, LinkView, PollError};
use crate::remote::enrolment::EnrolError;

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
    /// Take the server's answer; it is durable when `done` hears of it.
    Answered {
        /// The answer.
        answer: Box<SyncResponse>,
        /// Told when it is durable.
        done: oneshot::Sender<()>,
    },
    /// Begin another outbox; it is durable when `done` hears of it.
    AnotherOutbox {
        /// The one whose numbers the server has seen before.
        instead_of: String,
        /// Told when it is durable.
        done: oneshot::Sender<()>,
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
    link: Option<LinkDoor>,
}

impl Handle {
    /// Wraps the two channels; the daemon holds the other ends.
    pub fn new(calls: mpsc::Sender<Call>, view: watch::Receiver<Arc<View>>) -> Self {
        Self { calls, view, link: None }
    }

    /// The same, with the way to whoever speaks with the server.
    #[must_use]
    pub fn with_link(self, link: LinkDoor) -> Self {
        Self { link: Some(link), ..self }
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

    /// Hands over the server's answer to a sync, and returns when what follows from it is durable.
    pub async fn answered(&self, answer: SyncResponse) -> Result<(), Denial> {
        let (done, receive) = oneshot::channel();
        let call = Call::Answered { answer: Box::new(answer), done };
        self.calls.send(call).await.map_err(|_| Denial::stopping())?;
        receive.await.map_err(|_| Denial::stopping())
    }

    /// Begins another outbox in place of this one, and returns when it is durable.
    pub async fn another_outbox(&self, instead_of: String) -> Result<(), Denial> {
        let (done, receive) = oneshot::channel();
        let call = Call::AnotherOutbox { instead_of, done };
        self.calls.send(call).await.map_err(|_| Denial::stopping())?;
        receive.await.map_err(|_| Denial::stopping())
    }

    /// Makes the device known to a server, and begins to poll it.
    pub async fn enrol(&self, request: ServerEnrolRequest) -> Result<ServerLink, EnrolError> {
        match &self.link {
            Some(link) => link.enrol(request).await,
            None => Err(EnrolError::Stopping),
        }
    }

    /// Asks the server now.
    pub async fn poll(&self) -> Result<Polled, PollError> {
        match &self.link {
            Some(link) => link.poll().await,
            None => Err(PollError::NotEnrolled),
        }
    }

    /// How the device and its server stand, now and as it changes; none where nobody speaks with a server.
    pub fn link(&self) -> Option<watch::Receiver<LinkView>> {
        self.link.as_ref().map(LinkDoor::watch)
    }

    /// How the device and its server stand.
    pub fn server(&self) -> LinkView {
        self.link.as_ref().map(LinkDoor::view).unwrap_or_default()
    }

    /// The view, now and as it changes.
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }
}
