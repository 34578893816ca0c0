//! The routes without sockets: a router, a daemon that ends every job as the test says, and answers as text.

mod bundles;
mod doors;
mod refusals;
mod routes;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request as HttpRequest;
use axum::http::request::Builder;
use axum::response::Response;
use belay_protocol::job::{Door, Job, JobId, JobState, Request};
use belay_protocol::local::{KeptBundle, RestorePointState, RestorePointView, ServerLink};
use belay_protocol::{Failure, PackageList, Reason};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use super::*;
use crate::config::settings::Control;
use crate::daemon::handle::{Admitted, Call, Handle, View};
use crate::machine::admit::Denial;
use crate::machine::effect::{Inspected, Inspection};
use crate::machine::state::{Running, Step, Stuck};
use crate::remote::door::{LinkCall, LinkDoor, LinkView};
use crate::telemetry::metrics::Metrics;

pub(crate) const TOKEN: &str = "a-token-of-the-tests";

pub(crate) fn update_of(list: &str) -> Request {
    Request::Update {
        packages: list.parse::<PackageList>().unwrap(),
        dry_run: false,
        approve: vec![],
        release: None,
        bundle: None,
    }
}

pub(crate) fn rollback_of(to: Option<u64>) -> Request {
    Request::Rollback { to: to.map(belay_protocol::job::Generation), approve: vec![], from: None }
}

pub(crate) fn job(id: u64, request: Request, state: JobState) -> Job {
    Job {
        id: JobId(id),
        request,
        door: Door::Socket,
        idempotency_key: None,
        state,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: None,
        created_at: "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap(),
        ended_at: None,
    }
}

/// What the daemon of a test does with a request.
pub(crate) type Fate = fn(Job) -> Result<Job, Denial>;

pub(crate) fn commits(job: Job) -> Result<Job, Denial> {
    Ok(Job { state: JobState::Committed, ..job })
}

pub(crate) fn goes_on(job: Job) -> Result<Job, Denial> {
    Ok(Job { state: JobState::Planning, ..job })
}

pub(crate) fn ends(job: Job, state: JobState, reason: Reason, message: &str) -> Result<Job, Denial> {
    Ok(Job { state, reason: Some(reason), message: message.to_owned(), ..job })
}

/// A router with a daemon behind it.
pub(crate) struct World {
    pub router: Router,
    pub view: Arc<watch::Sender<Arc<View>>>,
    /// What the daemon was asked, in order.
    pub asked: mpsc::UnboundedReceiver<(Request, Door, Option<String>)>,
    state: ControlState,
    folder: tempfile::TempDir,
}

pub(crate) fn settings() -> Control {
    Control {
        socket: "/run/belay/agent.sock".into(),
        group: "belay".into(),
        listen: vec!["192.168.1.17:5000".parse().unwrap()],
        token_file: None,
        legacy: vec!["192.168.1.0/24".parse().unwrap()],
        names: vec!["kitchen.example".into()],
        plain_tokens: false,
    }
}

impl World {
    pub(crate) fn new(fate: Fate) -> Self {
        Self::with(fate, settings())
    }

    pub(crate) fn with(fate: Fate, settings: Control) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        crate::durable::write_atomic(&path, TOKEN.as_bytes(), 0o600).unwrap();
        let settings = Control { token_file: Some(path), ..settings };
        let uploads = Uploads::of_test(&folder.path().join("incoming"), 1 << 20, 0);
        let (calls, receive) = mpsc::channel(8);
        let (view, watch) = watch::channel(Arc::new(View::default()));
        let (log, asked) = mpsc::unbounded_channel();
        let view = Arc::new(view);
        tokio::spawn(daemon(receive, Arc::downgrade(&view), log, fate));
        let (metrics, mut observer) = Metrics::new();
        observer.see(&View::default());
        let state = ControlState::new(Handle::new(calls, watch), metrics, &settings, uploads).unwrap();
        let state = ControlState { hostname: Some("kitchen".to_owned()), ..state };
        Self { router: router(state.clone()), view, asked, state, folder }
    }

    /// Puts a link behind the router, and returns what it is asked.
    pub(crate) fn link(&mut self) -> mpsc::Receiver<LinkCall> {
        let (calls, receive) = mpsc::channel(1);
        let link = ServerLink {
            url: "https://b".into(),
            device: None,
            authorized: None,
            last_contact: None,
            last_error: None,
        };
        let (_, view) = watch::channel(LinkView { link: Some(link), warnings: vec!["the link warns".into()] });
        let handle = self.state.handle.clone().with_link(LinkDoor::new(calls, view));
        self.router = router(ControlState { handle, ..self.state.clone() });
        receive
    }

    /// Calls as a process on the device that may use the socket.
    pub(crate) async fn local(&self, request: HttpRequest<Body>) -> Response {
        self.call(Peer::Member { uid: 0 }, request).await
    }

    /// Calls from a TCP address.
    pub(crate) async fn from(&self, address: &str, request: HttpRequest<Body>) -> Response {
        let remote = SocketAddr::new(address.parse().unwrap(), 40_000);
        let local = if remote.ip().is_loopback() { "127.0.0.1:5000" } else { "192.168.1.17:5000" };
        self.call(Peer::Tcp { remote, local: local.parse().unwrap() }, request).await
    }

    pub(crate) async fn call(&self, peer: Peer, mut request: HttpRequest<Body>) -> Response {
        request.extensions_mut().insert(peer);
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(|view| change(Arc::make_mut(view)));
    }
}

async fn daemon(
    mut calls: mpsc::Receiver<Call>,
    view: std::sync::Weak<watch::Sender<Arc<View>>>,
    log: mpsc::UnboundedSender<(Request, Door, Option<String>)>,
    fate: Fate,
) {
    while let Some(call) = calls.recv().await {
        let Some(view) = view.upgrade() else { return };
        match call {
            Call::Request { request, door, idempotency_key, answer } => {
                let _ = log.send((request.clone(), door, idempotency_key.clone()));
                let id = view.borrow().state.next_job;
                let new = Job { door, idempotency_key, ..job(id.0, request, JobState::Accepted) };
                match fate(new) {
                    Err(denial) => answer.send(Err(denial)).unwrap_or_default(),
                    Ok(job) => {
                        // Answered before it is shown: callers must not depend on the order.
                        let _ = answer.send(Ok(Admitted { job: id, new: true }));
                        tokio::task::yield_now().await;
                        view.send_modify(|view| show(Arc::make_mut(view), job));
                    }
                }
            }
            Call::Answered { done, .. } | Call::AnotherOutbox { done, .. } => {
                let _ = done.send(());
            }
            Call::Inspect { inspection, answer } => {
                let _ = answer.send(Ok(inspected(inspection)));
            }
        }
    }
}

fn show(view: &mut View, job: Job) {
    view.state_mut().next_job = JobId(job.id.0 + 1);
    if job.state.is_end() {
        view.state_mut().running = None;
        if job.state == JobState::NeedsAttention {
            let failure = Failure::new(Reason::UndoFailed, job.message.clone());
            view.state_mut().stuck = Some(Stuck { job: job.id, failure });
        }
        view.state_mut().ended.push_back(job);
    } else {
        view.state_mut().running = Some(Running { job, step: Step::Planning, restarts: 0, closure: None });
    }
}

fn inspected(inspection: Inspection) -> Inspected {
    match inspection {
        Inspection::RestorePoints => Inspected::RestorePoints(vec![RestorePointView {
            id: 4,
            job: JobId(9),
            taken_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            state: RestorePointState::Committed,
            bytes: 2048,
            packages: vec![],
        }]),
        Inspection::VerifyRestorePoint { id } => Inspected::Findings(vec![format!("restore point {id} lacks a file")]),
        Inspection::VerifyDevice => Inspected::Findings(vec![]),
        Inspection::Bundles => Inspected::Bundles(vec![kept("2.33.07", true), kept("v2.33.06", false)]),
        Inspection::Measure => Inspected::Measured(Default::default()),
        Inspection::Prune { keep } => Inspected::Pruned { dropped: keep.into_iter().collect(), freed_bytes: 7 },
    }
}

fn kept(version: &str, in_force: bool) -> KeptBundle {
    let sha256 = belay_protocol::Sha256::from_bytes([if in_force { 7 } else { 6 }; 32]);
    KeptBundle { version: version.parse().unwrap(), sha256, bytes: 4_096, in_force }
}

pub(crate) fn get(path: &str) -> Builder {
    HttpRequest::get(path).header("host", "localhost")
}

pub(crate) fn post(path: &str) -> Builder {
    HttpRequest::post(path).header("host", "localhost")
}

pub(crate) fn json(path: &str, body: &str) -> HttpRequest<Body> {
    post(path).header("content-type", "application/json").body(body.to_owned().into()).unwrap()
}

pub(crate) fn empty(builder: Builder) -> HttpRequest<Body> {
    builder.body(Body::empty()).unwrap()
}

/// An answer as one reads it: the status, the headers that matter, the body.
pub(crate) async fn text(response: Response) -> String {
    let (head, body) = response.into_parts();
    let mut text = head.status.to_string();
    for name in ["content-type", "location", "preference-applied", "allow", "www-authenticate", "retry-after"] {
        if let Some(value) = head.headers.get(name) {
            text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
        }
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    format!("{text}\n{}", String::from_utf8_lossy(&body))
}

/// The status and the code of a refusal, such as `400 bad_json`.
pub(crate) async fn code(response: Response) -> String {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    format!("{status} {}", body["error"].as_str().unwrap_or("-"))
}
