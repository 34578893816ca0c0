//! The address of a file that is fetched, and who may be spoken to unencrypted.

use std::fmt;

use hyper::Uri;

use super::is_loopback;

/// `https://host[:port]/path[?query]` of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUrl {
    uri: Uri,
    tls: bool,
    host: String,
    port: u16,
}

/// What is wrong with a file's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileUrlError {
    /// It is no address of a file.
    #[error("{0:?} is no address of a file; write it like \"https://cdn.example/demo-2.0.tar.gz\"")]
    Malformed(String),
    /// It holds a user or a password, which would stand in logs and in the journal.
    #[error("an address must not hold a user or a password; this one for {0} does")]
    User(String),
    /// It is not encrypted and leaves this device.
    #[error(
        "{url} is not encrypted: whoever stands in between could change what comes; use https://, or name {host:?} in \
         bundle.plain_http"
    )]
    Plain {
        /// The address.
        url: String,
        /// Its host.
        host: String,
    },
}

impl FileUrl {
    /// Reads an address; `plain_http` are the hosts that may be spoken to unencrypted beside this device itself.
    pub fn parse(text: &str, plain_http: &[String]) -> Result<Self, FileUrlError> {
        let url = Self::read(text)?;
        let named = |host: &String| bare(host) == url.host;
        if url.tls || url.is_loopback() || plain_http.iter().any(named) {
            Ok(url)
        } else {
            Err(FileUrlError::Plain { url: url.to_string(), host: url.host })
        }
    }

    /// Reads an address whose way was judged elsewhere.
    pub fn read(text: &str) -> Result<Self, FileUrlError> {
        let malformed = || FileUrlError::Malformed(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| without_user(text).unwrap_or_else(malformed))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        if let Some((_, place)) = authority.as_str().rsplit_once('@') {
            return Err(FileUrlError::User(place.to_owned()));
        }
        let host = bare(authority.host());
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        if host.is_empty() || port == 0 || authority.as_str().ends_with(':') {
            return Err(malformed());
        }
        Ok(Self { uri, tls, host, port })
    }

    /// The address that a redirect from here leads to, judged like any other.
    pub fn redirected(&self, location: &str, plain_http: &[String]) -> Result<Self, FileUrlError> {
        let scheme = if self.tls { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let whole = if location.contains("://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else {
            let folder = self.uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        };
        Self::parse(&whole, plain_http)
    }

    /// Whether it is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host in lower case, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is not written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is this device itself.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// All of it.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for FileUrl {
    /// Without its query, which often is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", if self.tls { "https" } else { "http" }, self.uri.path())
    }
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// The complaint about a text that cannot be read and may hold a password.
fn without_user(text: &str) -> Option<FileUrlError> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(_, place)| FileUrlError::User(place.to_owned()))
}

#[cfg(test)]
mod tests;
