//! The HTTP client: one server, one connection that is kept, everything bounded. It knows nothing of what is said.
//!
//! The request's head is as small as HTTP allows, because an idle poll is nearly all head. Redirects are never followed:
//! they would carry the device's key to whoever is named. `fetch` is for bodies that are too large to be held.

mod connect;
pub mod fetch;
mod tls;

use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, PROXY_AUTHORIZATION, RETRY_AFTER};
use hyper::{Method, Request, Response};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;

use super::url::ServerUrl;
use crate::config::settings::Proxy;

use connect::Peer;

pub use connect::ConnectError;
pub use tls::TrustError;

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time to have a connection, names and TLS included.
    pub connect: Duration,
    /// Time for the whole call.
    pub whole: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
}

/// The limits of a device.
pub const LIMITS: Limits =
    Limits { connect: Duration::from_secs(10), whole: Duration::from_secs(30), body: 1024 * 1024 };

/// The way to one server.
pub struct Client {
    url: ServerUrl,
    proxy: Option<Intercept>,
    tls: Option<TlsConnector>,
    limits: Limits,
    idle: Option<SendRequest<Full<Bytes>>>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It took too long.
    #[error("failed to get an answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection broke, or what came is no HTTP.
    #[error("failed to read the answer")]
    Broken(#[source] hyper::Error),
    /// The answer does not end.
    #[error("failed to read the answer: it has more than {0} bytes")]
    TooLarge(usize),
    /// The body broke off.
    #[error("failed to read the answer's body")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The key is no header.
    #[error("failed to write the request")]
    Request(#[source] hyper::http::Error),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Client {
    /// The way to `url`, trusting the certificates of `ca_pem` beside the system's.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(url: &ServerUrl, ca_pem: &[&str], proxy: &Proxy, limits: Limits) -> Result<Self, TrustError> {
        let tls = url.is_tls().then(|| tls::connector(ca_pem)).transpose()?;
        let proxy = url.join("").parse().ok().and_then(|uri| intercept(proxy, &uri, url.is_loopback()));
        Ok(Self { url: url.clone(), proxy, tls, limits, idle: None })
    }

    /// Posts JSON to a path of the server, with the device's key where it has one.
    ///
    /// # Errors
    /// There was no answer; an answer of any status is none.
    pub async fn post(&mut self, path: &str, key: Option<&str>, body: Vec<u8>) -> Result<Answer, HttpError> {
        let request = self.request(path, key, body.into()).map_err(HttpError::Request)?;
        // A call that is given up leaves a connection that cannot be used again: it is out of `self` until the end.
        let kept = self.idle.take().filter(|kept| !kept.is_closed());
        let exchange = async {
            if let Some(mut kept) = kept {
                // The server may close a kept connection at any time. Both calls can be repeated without harm.
                if let Ok(response) = kept.send_request(request.clone()).await {
                    return Ok::<_, HttpError>((self.read(response).await?, kept));
                }
            }
            let mut sender = self.connect().await?;
            let response = sender.send_request(request).await.map_err(HttpError::Broken)?;
            Ok((self.read(response).await?, sender))
        };
        let done = tokio::time::timeout(self.limits.whole, exchange).await;
        let (answer, sender) = done.map_err(|_| HttpError::Timeout(self.limits.whole))??;
        self.idle = Some(sender);
        Ok(answer)
    }

    fn request(&self, path: &str, key: Option<&str>, body: Bytes) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let whole: hyper::Uri = self.url.join(path).parse()?;
        let authority = whole.authority().map_or("", |authority| authority.as_str()).to_owned();
        // A proxy that does not tunnel has to be told where the request goes.
        let through = self.proxy.as_ref().filter(|_| !self.url.is_tls());
        let target = match through {
            Some(_) => whole.to_string(),
            None => whole.path().to_owned(),
        };
        let mut request = Request::builder().method(Method::POST).uri(target).header(HOST, authority);
        if let Some(authorization) = through.and_then(Intercept::basic_auth) {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        if let Some(key) = key {
            let mut value = hyper::header::HeaderValue::try_from(format!("Bearer {key}"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.header(CONTENT_TYPE, "application/json").body(Full::new(body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        let peer = Peer { host: self.url.host(), port: self.url.port() };
        let connecting = connect::connect(peer, self.proxy.as_ref(), self.tls.as_ref());
        let stream = tokio::time::timeout(self.limits.connect, connecting).await;
        let stream = stream.map_err(|_| HttpError::Timeout(self.limits.connect))??;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(HttpError::Broken)?;
        // It ends when its sender is dropped or the server closes it; what goes wrong on it shows in the answer.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn read(&self, response: Response<hyper::body::Incoming>) -> Result<Answer, HttpError> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, retry_after, location) = (response.status().as_u16(), text(RETRY_AFTER), text(LOCATION));
        let body = Limited::new(response.into_body(), self.limits.body).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => HttpError::TooLarge(self.limits.body),
            false => HttpError::Body(error),
        })?;
        Ok(Answer { status, retry_after, location, body: body.to_bytes() })
    }
}

/// The proxy on the way to an address, if one is to be used.
fn intercept(proxy: &Proxy, uri: &hyper::Uri, is_loopback: bool) -> Option<Intercept> {
    let matcher = match proxy {
        // A proxy would look for the server on itself, and the way to it may be in clear.
        Proxy::Environment | Proxy::Through(_) if is_loopback => return None,
        Proxy::Environment => Matcher::from_env(),
        Proxy::Direct => return None,
        Proxy::Through(through) => Matcher::builder().all(through.clone()).build(),
    };
    matcher.intercept(uri)
}

#[cfg(test)]
mod tests;
