//! The body of a request, which may not stand still for long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::Activity;

/// What comes from the client, with a timer that runs only while it is waited for.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
}

/// The rest of a body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the request did not come in time")]
pub(super) struct Stalled;

impl RequestBody {
    pub(super) fn new(incoming: Incoming, patience: Duration, activity: Arc<Activity>) -> Self {
        Self { incoming, patience, timer: None, activity }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) {
            if this.timer.take().is_some() {
                this.activity.receiving(false);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = this.patience;
        let timer = this.timer.get_or_insert_with(|| {
            this.activity.receiving(true);
            Box::pin(tokio::time::sleep_until(Instant::now() + patience))
        });
        std::task::ready!(timer.as_mut().poll(cx));
        this.activity.body_stalled();
        Poll::Ready(Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.activity.receiving(false);
    }
}
