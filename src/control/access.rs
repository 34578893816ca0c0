//! Who may do what: the door that a request comes through, or why it does not come in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use belay_protocol::job::Door;
use ipnet::IpNet;

use crate::config::settings::Control;

use super::body::media_type;
use super::errors::Refusal;
use super::host_check::{Names, check_no_browser, check_origin};
use super::peer::Peer;
use super::token::{self, Token};

/// The doors' rules.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<Token>,
    plain_tokens: bool,
    legacy: Vec<IpNet>,
    names: Names,
}

impl Access {
    pub(super) fn new(settings: &Control, token: Option<Token>) -> Self {
        let addresses = settings.listen.iter().map(|address| address.ip().to_canonical());
        Self {
            token,
            plain_tokens: settings.plain_tokens,
            legacy: settings.legacy.clone(),
            // Listening on every address must not make `Host: 0.0.0.0` a name: browsers route that to this device.
            names: Names {
                addresses: addresses.filter(|address| !address.is_unspecified()).collect(),
                names: settings.names.clone(),
            },
        }
    }

    /// The door through which a request comes in.
    pub(super) fn judge(&self, peer: Peer, head: &Parts) -> Result<Door, Refusal> {
        if let Peer::Tcp { local, .. } = peer {
            self.names.check_host(head, local.ip())?;
        }
        check_origin(head)?;
        if head.method == Method::GET && matches!(head.uri.path(), "/rollback" | "/plan") {
            check_no_browser(head)?;
        }
        match peer {
            Peer::Member { .. } => Ok(Door::Socket),
            Peer::Stranger { uid } => Err(Refusal::ForeignPeer { uid }),
            Peer::Tcp { remote, .. } => self.judge_tcp(remote.ip().to_canonical(), head),
        }
    }

    fn judge_tcp(&self, remote: std::net::IpAddr, head: &Parts) -> Result<Door, Refusal> {
        let Some(presented) = token::presented(&head.headers) else {
            let known = self.legacy.iter().any(|network| network.contains(&remote));
            if !known || !(is_legacy_call(head) || shows_progress(head)) {
                return Err(Refusal::TokenMissing);
            }
            // Before it posts JSON a browser asks leave, and gets none; every other body it just sends.
            if head.method == Method::POST && media_type(&head.headers).as_deref() != Some("application/json") {
                check_no_browser(head)?;
            }
            return Ok(Door::Legacy);
        };
        if !self.plain_tokens && !remote.is_loopback() {
            return Err(Refusal::TokenInClear);
        }
        match &self.token {
            Some(token) if token.matches(presented) => Ok(Door::Tcp),
            Some(_) | None => Err(Refusal::TokenWrong),
        }
    }
}

/// Lets a request in with its door, or answers with the refusal.
pub(super) async fn admit(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let Some(peer) = head.extensions.get::<Peer>().copied() else {
        return Refusal::Internal("a connection without a peer").into_response();
    };
    match access.judge(peer, &head) {
        Ok(door) => {
            log_legacy(door, peer, &head);
            head.extensions.insert(door);
            next.run(Request::from_parts(head, body)).await
        }
        Err(refusal) => {
            tracing::warn!(?peer, method = %head.method, path = head.uri.path(), code = refusal.code(), "call refused");
            refusal.into_response()
        }
    }
}

fn log_legacy(door: Door, peer: Peer, head: &Parts) {
    match (door, peer) {
        // Whoever ordered something looks several times a second.
        (Door::Legacy, Peer::Tcp { remote, .. }) if shows_progress(head) => {
            tracing::debug!(%remote, path = head.uri.path(), "read without a credential, let in by control.legacy");
        }
        (Door::Legacy, Peer::Tcp { remote, .. }) => {
            tracing::info!(%remote, method = %head.method, path = head.uri.path(), "call without a credential let in by control.legacy");
        }
        (Door::Legacy, Peer::Member { .. } | Peer::Stranger { .. }) | (Door::Socket | Door::Tcp | Door::Server, _) => {}
    }
}

/// Whether the old controller makes this call. The format of an update is judged when its body has been read.
fn is_legacy_call(head: &Parts) -> bool {
    matches!(
        (head.method.as_str(), head.uri.path()),
        ("GET" | "HEAD", "/ping") | ("POST", "/update") | ("GET", "/rollback")
    )
}

/// Whether this shows how far a job is, which those who may order one without a credential may see as well.
fn shows_progress(head: &Parts) -> bool {
    let read = matches!(head.method, Method::GET | Method::HEAD);
    let job = |path: &str| {
        let id = path.strip_prefix("/jobs/").map(|rest| rest.strip_suffix("/events").unwrap_or(rest));
        id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
    };
    read && (head.uri.path() == "/status" || job(head.uri.path()))
}
