//! Fetching what is too large to be held: one GET on a connection of its own, whose body comes in small pieces.

use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::Builder;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderValue, IF_RANGE, PROXY_AUTHORIZATION, RANGE};
use hyper::{Request, Response};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;

use super::connect::{self, Peer};
use super::{HttpError, TrustError, intercept, tls};
use crate::config::settings::Proxy;
use crate::remote::url::FileUrl;

/// The most that is read from a connection before it is asked for.
const BUFFER: usize = 64 * 1024;

/// What is asked for, and how.
#[derive(Debug, Clone, Copy)]
pub struct Get<'a> {
    /// Where.
    pub url: &'a FileUrl,
    /// The device's key, for the device's own server alone.
    pub key: Option<&'a str>,
    /// The byte from which on it is wanted; all of it where there is none.
    pub from: Option<u64>,
    /// The strong entity tag of what came before that byte.
    pub etag: Option<&'a str>,
    /// The proxy.
    pub proxy: &'a Proxy,
    /// Certificates, in PEM, that are trusted beside the system's.
    pub ca_pem: &'a [String],
    /// Time to have a connection, names and TLS included.
    pub connect: Duration,
    /// Time from there to the answer's head.
    pub head: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection, or it broke.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The certificates to trust cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Asks, and gives the answer's head with a body that has yet to come. The connection ends with the body.
///
/// # Errors
/// There was no answer; an answer of any status is none.
pub async fn fetch(get: &Get<'_>) -> Result<Response<Incoming>, FetchError> {
    let trusted: Vec<&str> = get.ca_pem.iter().map(String::as_str).collect();
    let tls = get.url.is_tls().then(|| tls::connector(&trusted)).transpose()?;
    let proxy = intercept(get.proxy, get.url.uri(), get.url.is_loopback());
    let request = request(get, proxy.as_ref()).map_err(HttpError::Request)?;
    let connecting = connection(get, proxy.as_ref(), tls.as_ref());
    let connected = tokio::time::timeout(get.connect, connecting).await;
    let mut sender = connected.map_err(|_| HttpError::Timeout(get.connect))??;
    let answered = tokio::time::timeout(get.head, sender.send_request(request)).await;
    Ok(answered.map_err(|_| HttpError::Timeout(get.head))?.map_err(HttpError::Broken)?)
}

type Sender = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

async fn connection(get: &Get<'_>, proxy: Option<&Intercept>, tls: Option<&TlsConnector>) -> Result<Sender, HttpError> {
    let peer = Peer { host: get.url.host(), port: get.url.port() };
    let stream = connect::connect(peer, proxy, tls).await?;
    let handshake = Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(HttpError::Broken)?;
    // It ends when the body is dropped or the server closes it; what goes wrong on it shows in the body.
    tokio::spawn(connection);
    Ok(sender)
}

fn request(get: &Get<'_>, proxy: Option<&Intercept>) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let uri = get.url.uri();
    // A proxy that does not tunnel has to be told where the request goes.
    let through = proxy.filter(|_| !get.url.is_tls());
    let target = match through {
        Some(_) => uri.to_string(),
        None => uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // What a proxy or a server packs on the way would have other bytes at other places.
    let mut request = Request::get(target).header(HOST, authority).header(ACCEPT_ENCODING, "identity");
    if let Some(authorization) = through.and_then(Intercept::basic_auth) {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    if let Some(key) = get.key {
        let mut value = HeaderValue::try_from(format!("Bearer {key}"))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(from) = get.from {
        request = request.header(RANGE, format!("bytes={from}-"));
        if let Some(etag) = get.etag {
            request = request.header(IF_RANGE, etag);
        }
    }
    request.body(Empty::new())
}
