//! The one place that speaks to the server.

use std::path::Path;
use std::time::Duration;

use belay_protocol::admin::ApiError;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::Connection;
use crate::error::CtlError;
use crate::secret::Secret;

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server and the right to ask it.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Secret,
}

impl Client {
    /// Takes server and token from what was written on the command line and in the environment.
    pub(crate) fn new(connection: &Connection) -> Result<Self, CtlError> {
        let text = connection.server.as_deref().ok_or(CtlError::NoServer)?;
        let server = parse(text)?;
        if server.scheme() == "http" && !connection.plain_http && !is_loopback(&server) {
            return Err(CtlError::Plain { url: text.to_owned() });
        }
        let token = match (&connection.token, &connection.token_file) {
            (_, Some(path)) => read(path)?.trim().to_owned(),
            (Some(token), None) => token.reveal().trim().to_owned(),
            (None, None) => return Err(CtlError::NoToken),
        };
        // Whoever linked another provider before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &connection.ca_file {
            let certificates = reqwest::Certificate::from_pem_bundle(read(path)?.as_bytes())
                .map_err(|error| CtlError::Usage(format!("{} holds no certificate: {error}", path.display())))?;
            http = http.tls_certs_merge(certificates);
        }
        let http = http.build().map_err(|error| CtlError::Usage(chain(&error)))?;
        Ok(Self { http, server, token: Secret::new(token) })
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

    async fn send<T: DeserializeOwned, B: Serialize>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&B>,
    ) -> Result<T, CtlError> {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let unreachable =
            |error: &reqwest::Error| CtlError::Unreachable { url: self.server.to_string(), problem: chain(error) };
        let mut request = self.http.request(method, url.clone()).bearer_auth(self.token.reveal()).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| unreachable(&error))?;
        let garbage = || CtlError::Garbage { url: url.to_string(), status: status.as_u16() };
        if !status.is_success() {
            return Err(serde_json::from_slice::<ApiError>(&bytes).map_or_else(|_| garbage(), CtlError::Refused));
        }
        // An answer without a body is `null`.
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|_| garbage())
    }
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
