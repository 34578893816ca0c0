//! Addresses, parsed: the server's, and those of files that are fetched.

mod file;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use serde::{Deserialize, Serialize};

pub use file::{FileUrl, FileUrlError};

/// `https://host[:port][/path]` of a server, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl {
    text: String,
    tls: bool,
    host: String,
    port: u16,
}

/// What is wrong with a server's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is no address of a server.
    #[error("{0:?} is no address of a server; write it like \"https://belay.example\"")]
    Malformed(String),
    /// It holds a user, a query or a fragment.
    #[error("an address of a server has no user, no query and no fragment; write it like \"https://belay.example\"")]
    TooMuch,
    /// It is not encrypted and leaves this device.
    #[error(
        "{0} would send this device's key over the network for all to read; use https://, or accept that by \
         server.plain_http = true"
    )]
    Plain(String),
}

impl ServerUrl {
    /// Whether it is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is not written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The whole address of something below it; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Refuses `http://` to another machine, unless that is allowed by name.
    pub fn check_plain(&self, plain_http: bool) -> Result<(), UrlError> {
        if self.tls || plain_http || self.is_loopback() { Ok(()) } else { Err(UrlError::Plain(self.text.clone())) }
    }

    /// Whether what is sent there leaves this device unencrypted.
    pub fn is_in_clear(&self) -> bool {
        !self.tls && !self.is_loopback()
    }

    /// Whether it is this device itself.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed(text.to_owned());
        if text.contains(['?', '#', '@']) {
            return Err(UrlError::TooMuch);
        }
        let trimmed = text.trim_end_matches('/');
        let uri: Uri = trimmed.parse().map_err(|_| malformed())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(malformed()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        if port == 0 || uri.authority().is_some_and(|all| all.as_str().ends_with(':')) {
            return Err(malformed());
        }
        Ok(Self { text: trimmed.to_owned(), tls, host, port })
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.text
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests;
