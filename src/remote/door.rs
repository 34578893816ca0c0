//! How doors speak to the link: an enrolment or the wish to poll goes in by a channel, how device and server stand comes out by a watch.

use belay_protocol::local::{Polled, ServerEnrolRequest, ServerLink};
use tokio::sync::{mpsc, oneshot, watch};

use super::enrolment::EnrolError;

/// What doors are shown of the link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkView {
    /// How device and server stand; none where there is no server.
    pub link: Option<ServerLink>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A wish to enrol.
#[derive(Debug)]
pub struct EnrolCall {
    /// What is asked.
    pub request: ServerEnrolRequest,
    /// Where the result goes.
    pub answer: oneshot::Sender<Result<ServerLink, EnrolError>>,
}

/// What a door wants of the link.
#[derive(Debug)]
pub enum LinkCall {
    /// To enrol.
    Enrol(EnrolCall),
    /// To ask the server now.
    Poll {
        /// Where the result goes.
        answer: oneshot::Sender<Result<Polled, PollError>>,
    },
}

/// Why the server was not asked, or did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// There is no server.
    #[error(
        "this device belongs to no server, so there is nobody to ask; `belay-agent enrol --server URL` changes that"
    )]
    NotEnrolled,
    /// It does not let this device in.
    #[error("the server does not let this device in: {0}")]
    Refused(String),
    /// It does not answer as it should.
    #[error("the server did not answer as it should: {0}; it is asked again at the next poll")]
    Unreachable(String),
    /// The agent is about to end.
    #[error("the agent is stopping; ask again when it has started")]
    Stopping,
}

impl PollError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnrolled => "not_enrolled",
            Self::Refused(_) => "server_refused",
            Self::Unreachable(_) => "server_unreachable",
            Self::Stopping => "stopping",
        }
    }
}

/// A door's end of the channels.
#[derive(Debug, Clone)]
pub struct LinkDoor {
    calls: mpsc::Sender<LinkCall>,
    view: watch::Receiver<LinkView>,
}

impl LinkDoor {
    /// Wraps the two channels; the link holds the other ends.
    pub fn new(calls: mpsc::Sender<LinkCall>, view: watch::Receiver<LinkView>) -> Self {
        Self { calls, view }
    }

    /// Makes the device known to a server, and begins to poll it.
    pub async fn enrol(&self, request: ServerEnrolRequest) -> Result<ServerLink, EnrolError> {
        let (answer, receive) = oneshot::channel();
        let call = LinkCall::Enrol(EnrolCall { request, answer });
        self.calls.send(call).await.map_err(|_| EnrolError::Stopping)?;
        receive.await.map_err(|_| EnrolError::Stopping)?
    }

    /// Asks the server now, whenever the next poll would be.
    pub async fn poll(&self) -> Result<Polled, PollError> {
        let (answer, receive) = oneshot::channel();
        self.calls.send(LinkCall::Poll { answer }).await.map_err(|_| PollError::Stopping)?;
        receive.await.map_err(|_| PollError::Stopping)?
    }

    /// How device and server stand, now and as it changes.
    pub fn watch(&self) -> watch::Receiver<LinkView> {
        self.view.clone()
    }

    /// How device and server stand now.
    pub fn view(&self) -> LinkView {
        self.view.borrow().clone()
    }
}
