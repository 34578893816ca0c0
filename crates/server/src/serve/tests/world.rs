//! A running server, and clients that do what they are told.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::serve::{Connections, Ended, Limits, ServeError, TlsSettings, limit_body, run};

/// A server for one test.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) gate: Arc<Notify>,
    /// How many requests wait at the gate.
    pub(super) waiting: watch::Receiver<u64>,
    /// How many bytes of the endless answer were made.
    pub(super) made: Arc<AtomicU64>,
    /// How many endless answers were given up.
    pub(super) given_up: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    served: JoinHandle<Result<Ended, ServeError>>,
}

impl World {
    pub(super) fn new(limits: Limits) -> Self {
        Self::with_tls(limits, None)
    }

    pub(super) fn with_tls(limits: Limits, tls: Option<TlsSettings>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
        let (stop, stopped) = watch::channel(false);
        let (waits, waiting) = watch::channel(0);
        let (gives_up, given_up) = watch::channel(0);
        let (gate, made) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let router = router(Arc::clone(&gate), waits, Arc::clone(&made), Arc::new(gives_up));
        let served = tokio::spawn(run(vec![listener], router, tls, limits, Connections::default(), stopped));
        Self { address, gate, waiting, made, given_up, stop, served }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.unwrap()
    }

    pub(super) async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((IpAddr::from([127, 0, 0, last]), 0))).unwrap();
        soon(socket.connect(self.address)).await.unwrap()
    }

    /// A good client: connects, asks, and is answered.
    pub(super) async fn is_served(&self) -> bool {
        ask(&mut self.connect().await, HELLO).await.contains("hello")
    }

    pub(super) fn tell_to_stop(&self) {
        self.stop.send(true).unwrap();
    }

    pub(super) async fn ended(self) -> Ended {
        soon(self.served).await.unwrap().unwrap()
    }
}

pub(super) const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: belay\r\n\r\n";

/// Sends a request and reads until its answer is whole.
pub(super) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    if soon(stream.write_all(request.as_bytes())).await.is_err() {
        return String::new();
    }
    answer(stream).await
}

/// Reads one answer, or what there is of it.
pub(super) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !is_whole(&text) {
        match soon(stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => break,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
        }
    }
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// Whether the server closes the connection, reading what it may still send.
pub(super) async fn is_cut(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut buffer = [0; 4096];
    while let Ok(read) = soon(stream.read(&mut buffer)).await {
        if read == 0 {
            break;
        }
    }
    true
}

/// Waits for what has to happen soon; a test that waits for ever says nothing.
#[track_caller]
pub(super) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        let waited = tokio::time::timeout(Duration::from_secs(30), future).await;
        waited.unwrap_or_else(|_| panic!("{place}: it does not happen"))
    }
}

struct GivenUp(Arc<watch::Sender<u64>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count += 1);
    }
}

fn router(
    gate: Arc<Notify>,
    waits: watch::Sender<u64>,
    made: Arc<AtomicU64>,
    gives_up: Arc<watch::Sender<u64>>,
) -> Router {
    let limited = Router::new().route("/limited", post(async |body: Bytes| body.len().to_string()));
    Router::new()
        .route("/hello", get("hello"))
        .route("/json", get(async || axum::Json("hello")))
        .route("/refuse", post("no"))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/wait",
            get(async move || {
                waits.send_modify(|count| *count += 1);
                gate.notified().await;
                "done"
            }),
        )
        .route("/panic", get(panics))
        .route("/endless", get(async move || endless(made, gives_up)))
        .merge(limit_body(limited, 10))
}

async fn panics() -> &'static str {
    panic!("a handler panics, as this test wants it to")
}

fn endless(made: Arc<AtomicU64>, gives_up: Arc<watch::Sender<u64>>) -> Body {
    let given_up = GivenUp(gives_up);
    Body::from_stream(stream::repeat_with(move || {
        let _held = &given_up;
        let chunk = Bytes::from(vec![0; 64 * 1024]);
        made.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(chunk)
    }))
}
