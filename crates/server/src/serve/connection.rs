//! One client from its first byte to its last: handshake, requests, and the one timer that watches over both.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;

use super::activity::{Activity, Order, Phase};
use super::crowd::Crowd;
use super::guarded::Guarded;
use super::limits::Limits;
use super::refusal::refusal;
use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use super::tls::Tls;

/// What all connections share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) limits: Limits,
    pub(super) router: Router,
    pub(super) tls: Option<Tls>,
    pub(super) crowd: Arc<Crowd>,
}

impl House {
    /// What a new connection waits for first.
    pub(super) fn first_phase(&self) -> Phase {
        if self.tls.is_some() { Phase::Handshake } else { Phase::Fresh }
    }
}

/// Serves one client until it leaves, is cut, or has used up somebody's patience.
pub(super) async fn converse(house: Arc<House>, socket: TcpStream, peer: SocketAddr, activity: Arc<Activity>) {
    let mut patience = Patience::new(&activity, &house.limits);
    let socket = Guarded::new(socket, Arc::clone(&activity));
    let Some(tls) = &house.tls else { return exchange(&house, socket, peer, &activity, &mut patience).await };
    let mut handshake = pin!(tls.accept(socket));
    let accepted = poll_fn(|cx| match handshake.as_mut().poll(cx) {
        Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
        Poll::Pending if activity.order() != Order::Continue => Poll::Ready(None),
        Poll::Pending => patience.poll_spent(cx).map(|()| None),
    });
    // A handshake that fails is the client's affair: scanners do it all day.
    if let Some(stream) = accepted.await {
        activity.enter(Phase::Fresh);
        exchange(&house, stream, peer, &activity, &mut patience).await;
    }
}

async fn exchange<IO>(
    house: &Arc<House>,
    io: IO,
    peer: SocketAddr,
    activity: &Arc<Activity>,
    patience: &mut Patience<'_>,
) where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(Arc::clone(house), request, peer, Arc::clone(activity)));
    let size = house.limits.head_bytes.max(SMALLEST_BUFFER);
    let mut connection = pin!(
        http1::Builder::new()
            .max_buf_size(size)
            .max_header_size(size)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(io), service)
    );
    let mut told = false;
    poll_fn(|cx| {
        if activity.order() != Order::Continue && !told {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        patience.poll_spent(cx)
    })
    .await;
}

async fn answer(
    house: Arc<House>,
    request: Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<Activity>,
) -> Result<Response<ResponseBody>, Infallible> {
    activity.enter(Phase::Busy);
    let mut request = request.map(|incoming| {
        if incoming.is_end_stream() {
            return Body::empty();
        }
        Body::new(RequestBody::new(incoming, house.limits.body_idle, Arc::clone(&activity)))
    });
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = match house.router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if activity.has_stalled_body() {
        let words = "the rest of the request did not come in time; send it again";
        response = refusal(StatusCode::REQUEST_TIMEOUT, "request_timeout", words);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    forbid_guessing(&mut response);
    Ok(response.map(|body| ResponseBody::new(body, activity)))
}

/// Keeps browsers from taking a file for a page. JSON goes without: the answer to a poll counts every byte, and no
/// browser runs JSON.
fn forbid_guessing(response: &mut Response<Body>) {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind != "application/json") {
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// How long a client is still waited for. The timer is set only when it would ring too late, so that a busy connection
/// does not pay for it with every request.
#[derive(Debug)]
struct Patience<'a> {
    activity: &'a Activity,
    limits: &'a Limits,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Patience<'a> {
    fn new(activity: &'a Activity, limits: &'a Limits) -> Self {
        let first = activity.deadline(limits).unwrap_or_else(|| activity.opened());
        Self { activity, limits, timer: Box::pin(tokio::time::sleep_until(first)) }
    }

    /// Ready when the client has to go. Called at the end of every poll of the connection.
    fn poll_spent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.activity.waker.register(cx.waker());
        if self.activity.order() == Order::Leave {
            return Poll::Ready(());
        }
        loop {
            let Some(deadline) = self.activity.deadline(self.limits) else { return Poll::Pending };
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            if deadline < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}

/// The smallest buffer that hyper takes.
const SMALLEST_BUFFER: usize = 8192;
