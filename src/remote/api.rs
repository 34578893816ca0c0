//! The two calls of the native device protocol, and what their failures mean.

use std::error::Error;
use std::time::Duration;

use belay_protocol::enrol::{EnrolRequest, EnrolResponse};
use belay_protocol::local::ErrorBody;
use belay_protocol::sync::{SyncRequest, SyncResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::http::{Answer, Client, HttpError, TrustError};
use super::retry_after;
use super::url::UrlError;
use crate::clock;

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There was no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The client could not be made.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The key would cross the network in clear, and the settings do not allow that.
    #[error(transparent)]
    Plain(#[from] UrlError),
    /// A file of the settings cannot be read.
    #[error("failed to read {path}", path = path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server names another address.
    #[error("the server sends its callers on to {0}; if that is right, make it server.url or enrol there")]
    Redirect(String),
    /// The server refused.
    #[error("the server refused, {status} {code}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// The stable code.
        code: String,
        /// The sentence.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is not of the protocol.
    #[error("failed to understand the answer ({0}); is this the address of a Belay server?")]
    Unreadable(serde_json::Error),
}

impl CallError {
    /// Whether the server does not know this device, its key or its token: asking again soon is of no use.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }

    /// Whether the server does not take a request of this size.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Refused { status: 413, .. })
    }

    /// When the server wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Http(_)
            | Self::Trust(_)
            | Self::Plain(_)
            | Self::File { .. }
            | Self::Redirect(_)
            | Self::Unreadable(_) => None,
        }
    }

    /// The error with everything that caused it, as one sentence.
    pub fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let more = error.to_string();
            // Some libraries repeat their source in their own words.
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }
}

/// One poll.
pub async fn sync(client: &mut Client, key: &str, request: &SyncRequest) -> Result<SyncResponse, CallError> {
    call(client, "/api/v1/sync", Some(key), request).await
}

/// Makes the device known.
pub async fn enrol(client: &mut Client, request: &EnrolRequest) -> Result<EnrolResponse, CallError> {
    call(client, "/api/v1/enrol", None, request).await
}

async fn call<T: DeserializeOwned>(
    client: &mut Client,
    path: &str,
    key: Option<&str>,
    request: &impl Serialize,
) -> Result<T, CallError> {
    let body = serde_json::to_vec(request).map_err(CallError::Unreadable)?;
    understand(&client.post(path, key, body).await?)
}

fn understand<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    match answer.status {
        200..=299 => serde_json::from_slice(&answer.body).map_err(CallError::Unreadable),
        300..=399 => Err(CallError::Redirect(answer.location.clone().unwrap_or_else(|| "nowhere".to_owned()))),
        status => {
            let body: Option<ErrorBody> = serde_json::from_slice(&answer.body).ok();
            let (code, message) = match body {
                Some(body) => (body.error, body.message),
                None => ("no_code".to_owned(), "it gave no reason".to_owned()),
            };
            let retry_after = answer.retry_after.as_deref();
            let retry_after = retry_after.and_then(|value| retry_after::parse(value, clock::now()));
            Err(CallError::Refused { status, code, message: shortened(message), retry_after })
        }
    }
}

/// What a stranger writes goes into logs and status; there is an end to it.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(500) {
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests;
