//! A form's bytes in sips: whoever takes the form apart reads whatever is there, however much that is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use futures_util::Stream;

/// How much may come before the next part begins, or after the last.
#[derive(Debug, Clone, Default)]
pub(super) struct Door(Arc<AtomicU64>);

impl Door {
    /// What separates parts is short: what is not would be kept in memory until it ends.
    pub(super) fn between_parts(&self) {
        self.0.store(BETWEEN, Relaxed);
    }

    /// A part may be long.
    pub(super) fn within_a_part(&self) {
        self.0.store(u64::MAX, Relaxed);
    }
}

/// The same request, whose body comes in sips and as the door lets it.
pub(super) fn sipped(request: Request) -> (Request, Door) {
    let door = Door::default();
    door.between_parts();
    let sips = |body: Body| Sips { body: body.into_data_stream(), door: door.clone(), taken: 0 };
    let request = request.map(|body| Body::from_stream(sips(body)));
    (request, door)
}

struct Sips {
    body: BodyDataStream,
    door: Door,
    taken: usize,
}

impl Stream for Sips {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.taken >= SIP {
            this.taken = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(bytes) = std::task::ready!(Pin::new(&mut this.body).poll_next(cx)) else { return Poll::Ready(None) };
        if let Ok(bytes) = &bytes {
            this.taken += bytes.len();
            let left = this.door.0.load(Relaxed);
            let Some(left) = left.checked_sub(bytes.len() as u64) else {
                return Poll::Ready(Some(Err(axum::Error::new(Endless))));
            };
            this.door.0.store(left, Relaxed);
        }
        Poll::Ready(Some(bytes))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("there is too much between two parts")]
struct Endless;

/// How many bytes are given out at once.
const SIP: usize = 256 * 1024;

/// How many bytes may stand between the beginnings of two parts; much more than headers need, and what was read of the
/// part before counts too.
const BETWEEN: u64 = 1024 * 1024;
