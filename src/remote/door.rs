//! How doors speak to the link: an enrolment goes in by a channel, how device and server stand comes out by a watch.

use belay_protocol::local::{ServerEnrolRequest, ServerLink};
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

/// A door's end of the channels.
#[derive(Debug, Clone)]
pub struct LinkDoor {
    calls: mpsc::Sender<EnrolCall>,
    view: watch::Receiver<LinkView>,
}

impl LinkDoor {
    /// Wraps the two channels; the link holds the other ends.
    pub fn new(calls: mpsc::Sender<EnrolCall>, view: watch::Receiver<LinkView>) -> Self {
        Self { calls, view }
    }

    /// Makes the device known to a server, and begins to poll it.
    pub async fn enrol(&self, request: ServerEnrolRequest) -> Result<ServerLink, EnrolError> {
        let (answer, receive) = oneshot::channel();
        self.calls.send(EnrolCall { request, answer }).await.map_err(|_| EnrolError::Stopping)?;
        receive.await.map_err(|_| EnrolError::Stopping)?
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
