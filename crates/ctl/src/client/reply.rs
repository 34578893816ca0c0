//! What the server answered, whatever that is.

use std::time::Duration;

use belay_protocol::admin::ApiError;
use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use serde::de::DeserializeOwned;

use crate::error::CtlError;

/// An answer that came whole.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub(crate) status: u16,
    /// How long to wait before asking again.
    pub(crate) retry_after: Option<Duration>,
    url: String,
    body: Vec<u8>,
}

impl Reply {
    /// Reads all of it.
    pub(super) async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let (status, url) = (response.status().as_u16(), response.url().to_string());
        Ok(Self { status, retry_after, url, body: response.bytes().await?.to_vec() })
    }

    /// Whether the wish was granted.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its body as it is, where it is that.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What was asked for, else why it is not given.
    pub(crate) fn granted<T: DeserializeOwned>(self) -> Result<T, CtlError> {
        if !self.is_success() {
            return Err(self.refusal());
        }
        // An answer without a body is `null`.
        let text: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(text).map_err(|_| CtlError::Garbage { url: self.url, status: self.status })
    }

    /// Why it is not given: what the server refuses changed nothing there, what it failed at may have.
    pub(crate) fn refusal(self) -> CtlError {
        match (self.status, self.body::<ApiError>()) {
            // The server is not up, or nobody behind the proxy is.
            (502..=504, said) => CtlError::Away { url: self.url, status: self.status, said },
            (500..=599, Some(said)) if said.error != "disk_full" => CtlError::Broken(said),
            (_, Some(refusal)) => CtlError::Refused(refusal),
            (_, None) => CtlError::Garbage { url: self.url, status: self.status },
        }
    }
}

#[cfg(test)]
mod tests;
