//! One device on the wire: HTTP to its port, and what its answers say of it. Nothing is ever sent twice by itself.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use belay_protocol::local::{ErrorBody, Status};
use belay_terminal::job::{standing, step};
use reqwest::header::{HeaderMap, SERVER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::secret::Secret;

use super::{Host, Kind, said};

/// How much of an answer is read. The longest one, `/status`, carries two jobs of 5000 packages.
const LONGEST: usize = 8 * 1024 * 1024;

/// What our agents call themselves in every answer over TCP.
const AGENT: &str = "belay-agent";

/// After so long without a sign of life a connection is asked whether anybody is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A device's port.
#[derive(Debug, Clone)]
pub(super) struct Device {
    http: reqwest::Client,
    pub(super) address: SocketAddr,
    token: Option<Secret>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There was no connection: nothing was sent.
    NoConnection(String),
    /// The connection broke, or nothing came: what was sent may have arrived.
    Lost(String),
    /// The device refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says, where it says it as our agents do.
        body: Option<ErrorBody>,
    },
    /// That is no answer of a device.
    Unreadable,
}

/// Why an address is no device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nobody is there.
    Nobody(String),
    /// Somebody takes the connection and says nothing.
    Mute,
    /// Something else answers there.
    Other,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(why) => write!(f, "it does not answer: {why}"),
            Self::Mute => f.write_str("it takes connections and says nothing: restart its update program"),
            Self::Other => f.write_str("what answers there is neither belay-agent nor the old Flask program"),
        }
    }
}

/// A client for devices: no proxy, no certificate, no redirect, nothing repeated.
pub(super) fn client(connect: Duration) -> Result<reqwest::Client, String> {
    // Whoever linked another provider before keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(connect)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_keepalive_retries(4);
    builder.build().map_err(|error| chain(&error))
}

/// Asks one address what it is.
///
/// # Errors
/// When no device answers there.
pub(crate) async fn look(address: SocketAddr, within: Duration) -> Result<Host, Silence> {
    let http = client(within * 2 / 5).map_err(Silence::Nobody)?;
    Device::new(http, address, None).look(within).await
}

#[derive(Deserialize)]
struct Ping {
    status: String,
    device: String,
}

impl Device {
    /// The device at an address.
    pub(super) fn new(http: reqwest::Client, address: SocketAddr, token: Option<Secret>) -> Self {
        Self { http, address, token }
    }

    /// Asks what it is, without showing a token. Connecting must be given up well before two thirds of the time are over,
    /// or nobody could not be told from somebody who says nothing.
    pub(super) async fn look(&self, within: Duration) -> Result<Host, Silence> {
        let stranger = Self { token: None, ..self.clone() };
        let mut host = match tokio::time::timeout(within * 2 / 3, stranger.ping()).await {
            Ok(kind) => Host::new(self.address, kind?),
            Err(_) => return Err(Silence::Mute),
        };
        if host.kind == Kind::Agent
            && let Ok(Ok(status)) = tokio::time::timeout(within / 3, stranger.fetch::<Status>("/status")).await
        {
            tell(&mut host, &status);
        }
        Ok(host)
    }

    async fn ping(&self) -> Result<Kind, Silence> {
        let response = match self.request(Method::GET, "/ping").send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(Silence::Nobody(why(&error))),
            Err(error) if error.is_timeout() => return Err(Silence::Mute),
            Err(_) => return Err(Silence::Other),
        };
        let (is_agent, status) = (is_agent(response.headers()), response.status());
        match (is_agent, status) {
            (true, StatusCode::UNAUTHORIZED) => Ok(Kind::Locked),
            (true, _) if status.is_success() => Ok(Kind::Agent),
            (false, _) if status.is_success() => {
                let ping: Ping = read(response).await.map_err(|_| Silence::Other)?;
                let old = ping.status == "alive" && ping.device == "raspberry-pi";
                old.then_some(Kind::Flask).ok_or(Silence::Other)
            }
            (true | false, _) => Err(Silence::Other),
        }
    }

    /// A request to it, with its token where there is one.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.address));
        match &self.token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        }
    }

    /// Asks for something.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        read(send(self.request(Method::GET, path)).await?).await
    }
}

/// Sends a request once; an answer that is no success is trouble.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, Trouble> {
    let response = request.send().await.map_err(|error| trouble(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = bytes(response).await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Err(Trouble::Refused { status: status.as_u16(), body })
}

/// Reads an answer.
pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Trouble> {
    serde_json::from_slice(&bytes(response).await?).map_err(|_| Trouble::Unreadable)
}

async fn bytes(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let mut all = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| trouble(&error))? {
        all.extend_from_slice(&piece);
        if all.len() > LONGEST {
            return Err(Trouble::Unreadable);
        }
    }
    Ok(all)
}

/// What went wrong with a request.
pub(super) fn trouble(error: &reqwest::Error) -> Trouble {
    if error.is_connect() { Trouble::NoConnection(why(error)) } else { Trouble::Lost(why(error)) }
}

/// What an agent's status says of it.
pub(super) fn tell(host: &mut Host, status: &Status) {
    host.name = status.hostname.as_deref().and_then(said::name);
    host.version = said::name(&status.version);
    host.generation = Some(status.generation.0);
    host.last = match (&status.job, &status.last) {
        (Some(job), _) => Some(step(job.state).to_owned()),
        (None, _) if status.needs_attention => Some("needs attention".to_owned()),
        (None, Some(job)) => {
            let why = job.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            Some(format!("{}{why}", standing(job)))
        }
        (None, None) => None,
    };
}

fn is_agent(headers: &HeaderMap) -> bool {
    headers.get(SERVER).and_then(|value| value.to_str().ok()).is_some_and(|name| name.starts_with(AGENT))
}

/// What a person needs of an error: its innermost cause, without the address that stands beside it anyway.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let plain = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    match plain.as_str() {
        "deadline has elapsed" | "operation timed out" => "no answer in time".to_owned(),
        other => other.to_owned(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
