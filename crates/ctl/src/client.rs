//! The one place that speaks to the server.

mod reply;

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_RANGE, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CtlError;
use crate::secret::Secret;

pub(crate) use reply::Reply;

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// After so long without a sign of life a connection is asked whether anybody is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long an archive may be on its way.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Which server is asked, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) server: String,
    /// Who asks.
    pub(crate) token: Secret,
    /// Certificates to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether the token may cross the network unencrypted.
    pub(crate) plain_http: bool,
}

/// A server and the right to ask it.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Secret,
}

impl Client {
    /// Makes ready to ask a server.
    pub(crate) fn new(target: &Target) -> Result<Self, CtlError> {
        let server = parse(&target.server)?;
        if server.scheme() == "http" && !target.plain_http && !is_loopback(&server) {
            return Err(CtlError::Plain { url: target.server.clone() });
        }
        // Whoever linked another provider before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = match &target.ca_file {
            Some(path) => reqwest::Certificate::from_pem_bundle(read(path)?.as_bytes())
                .map_err(|error| CtlError::Usage(format!("{} holds no certificate: {error}", path.display())))?,
            None => Vec::new(),
        };
        let http = || {
            let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
            // A server that vanishes in the middle of something long is noticed.
            let http = http.tcp_keepalive(KEEPALIVE).tcp_keepalive_interval(KEEPALIVE).tcp_keepalive_retries(4);
            // What is for this machine alone goes to no proxy.
            if is_loopback(&server) { http.no_proxy() } else { http }
        };
        let built = match server.scheme() {
            // Nothing is trusted where nothing is encrypted: the system need not have a single certificate.
            "http" => http().tls_certs_only([]).build(),
            // Those of the system that are there; a small one may have none but the operator's own.
            _ if own.is_empty() => http().build(),
            _ => http().tls_certs_merge(own.clone()).build().or_else(|_| http().tls_certs_only(own).build()),
        };
        let http = built.map_err(|error| CtlError::Usage(chain(&error)))?;
        Ok(Self { http, server, token: target.token.clone() })
    }

    /// The server that is asked.
    pub(crate) fn server(&self) -> &Url {
        &self.server
    }

    /// Asks for something.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CtlError> {
        self.send(Method::GET, path, query, None::<&()>).await
    }

    /// Posts something.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, CtlError> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Posts something that may be there already, and tells whether it is new.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<(T, bool), CtlError> {
        let reply = self.exchange(self.request(Method::POST, path).json(body)).await?;
        let new = reply.status == StatusCode::CREATED;
        Ok((reply.granted()?, new))
    }

    /// A text, as it is kept there.
    pub(crate) async fn text(&self, path: &[&str]) -> Result<String, CtlError> {
        self.open(path).await?.text().await.map_err(|error| self.unreachable(&error))
    }

    /// Orders something that needs no words.
    pub(crate) async fn order<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, CtlError> {
        self.send(Method::POST, path, &[], None::<&()>).await
    }

    /// Changes something.
    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, CtlError> {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    /// Deletes something.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), CtlError> {
        self.send::<Option<()>, ()>(Method::DELETE, path, &[], None).await.map(|_| ())
    }

    /// Puts a text where it belongs.
    pub(crate) async fn put_text<T: DeserializeOwned>(&self, path: &[&str], text: String) -> Result<T, CtlError> {
        let request = self.request(Method::PUT, path).header(CONTENT_TYPE, "text/plain; charset=utf-8").body(text);
        self.answer(request).await
    }

    /// Puts so many bytes where they belong, however long that takes; what is answered is for the caller to judge.
    pub(crate) async fn put_long(&self, path: &[&str], size: u64, body: reqwest::Body) -> Result<Reply, CtlError> {
        let request = self.request(Method::PUT, path).timeout(LONG).header(CONTENT_LENGTH, size).body(body);
        self.exchange(request).await
    }

    /// Posts something that the server may have to work on for long; what is answered is for the caller to judge.
    pub(crate) async fn post_long(&self, path: &[&str], body: &impl Serialize) -> Result<Reply, CtlError> {
        self.exchange(self.request(Method::POST, path).timeout(LONG).json(body)).await
    }

    /// Whether something is there.
    pub(crate) async fn is_there(&self, path: &[&str]) -> Result<bool, CtlError> {
        let response = self.request(Method::HEAD, path).send().await.map_err(|error| self.unreachable(&error))?;
        Ok(response.status().is_success())
    }

    /// Opens something long.
    pub(crate) async fn open(&self, path: &[&str]) -> Result<Response, CtlError> {
        let request = self.request(Method::GET, path).timeout(LONG);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Reply::read(response).await.map_err(|error| self.unreachable(&error))?.refusal())
    }

    /// Opens the rest of something long from that byte on, all of it where its entity tag is another; what else is
    /// answered is for the caller to judge.
    pub(crate) async fn open_from(
        &self,
        path: &[&str],
        from: u64,
        etag: &str,
    ) -> Result<Result<Response, Reply>, CtlError> {
        let mut request = self.request(Method::GET, path).timeout(LONG);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, etag);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(Ok(response));
        }
        Reply::read(response).await.map(Err).map_err(|error| self.unreachable(&error))
    }

    /// The next piece of it.
    pub(crate) async fn next(&self, response: &mut Response) -> Result<Option<Vec<u8>>, CtlError> {
        let piece = response.chunk().await.map_err(|error| self.unreachable(&error))?;
        Ok(piece.map(|bytes| bytes.to_vec()))
    }

    async fn send<T: DeserializeOwned, B: Serialize>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&B>,
    ) -> Result<T, CtlError> {
        let mut request = self.request(method, path).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        self.http.request(method, url).bearer_auth(self.token.reveal())
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CtlError> {
        self.exchange(request).await?.granted()
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Reply, CtlError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        Reply::read(response).await.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CtlError {
        CtlError::Unreachable { url: self.server.to_string(), problem: root(error) }
    }
}

/// What it came from in the end; what lies between names the address again and again.
fn root(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}

fn parse(text: &str) -> Result<Url, CtlError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| CtlError::Url { url: text.to_owned() })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read(path: &Path) -> Result<String, CtlError> {
    std::fs::read_to_string(path).map_err(|source| CtlError::File { path: path.to_path_buf(), source })
}

/// An error with everything that it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
