//! What was posted: reading a body within its limits, and understanding it. Understanding is pure.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_protocol::job::Generation;
use belay_protocol::local::{PruneRequest, RollbackRequest, ServerEnrolRequest};
use belay_protocol::{PackageList, Reason};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::bundle::{self, Wanted};
use super::errors::Refusal;

/// The most bytes that a body may have.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Of a body that is too large, this much is read and dropped, so that its sender comes to see the refusal.
pub(super) const MAX_DROPPED: usize = 32 * 1024 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest idempotency key.
const MAX_KEY: usize = 128;

/// A body as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    /// Its media type in lower case, without parameters.
    pub media_type: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// In which of its formats an update was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `{filename, filedata}`.
    Controller,
    /// Base64 of a list.
    Base64,
    /// A list.
    List,
    /// `{packages, …}` or `{bundle, …}`.
    Native,
}

/// An update as it was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub format: Format,
    pub packages: PackageList,
    /// The bundle, instead of a list.
    pub bundle: Option<Wanted>,
    pub dry_run: bool,
    pub idempotency_key: Option<String>,
    pub approve: Vec<Reason>,
}

impl<S: Sync> FromRequest<S> for Posted {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        no_query(request.uri())?;
        let media_type = media_type(request.headers());
        let read = tokio::time::timeout(BODY_TIMEOUT, read(request.into_body())).await;
        Ok(Self { media_type, bytes: read.map_err(|_| Refusal::BodyTimeout)?? })
    }
}

/// An option in the query that nobody reads, such as `?dry_run=true`, would be ignored at the device's cost.
pub(super) fn no_query(uri: &Uri) -> Result<(), Refusal> {
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    Err(Refusal::BadQuery { field: None, detail: "options of a POST go into its body, and a PUT has none".into() })
}

/// The media type of a body in lower case, without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    })
}

/// Reads a body to its end, chunked or not.
async fn read(body: Body) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut arrived) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::BodyBroken)?;
        arrived = arrived.saturating_add(chunk.len());
        if arrived > MAX_DROPPED {
            break;
        } else if arrived > MAX_BODY {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    if arrived > MAX_BODY { Err(Refusal::BodyTooLarge) } else { Ok(bytes.into()) }
}

/// Understands the body of `POST /update` or `POST /plan`.
pub(super) fn update(media_type: Option<&str>, bytes: &[u8]) -> Result<Update, Refusal> {
    match media_type {
        Some("application/json") => update_from_json(bytes),
        Some("text/plain") => Ok(Update::of(Format::List, list(bytes)?)),
        None | Some("" | "application/octet-stream" | "application/base64") => {
            Ok(Update::of(Format::Base64, list(&decode(bytes)?)?))
        }
        Some(other) => Err(Refusal::UnsupportedType {
            sent: other.to_owned(),
            read: "application/json, text/plain with a package list, or application/octet-stream with its base64",
        }),
    }
}

/// Understands the body of `POST /rollback`; an empty one asks for one generation back.
pub(super) fn rollback(media_type: Option<&str>, bytes: &[u8]) -> Result<RollbackRequest, Refusal> {
    let Some(fields) = Fields::read(media_type, bytes, &["to", "to_version", "idempotency_key", "approve"])? else {
        return Ok(RollbackRequest::default());
    };
    let request = RollbackRequest {
        to: fields.take::<Option<Generation>>("to")?,
        to_version: fields.take("to_version")?,
        idempotency_key: fields.key()?,
        approve: fields.take("approve")?,
    };
    match (request.to, &request.to_version) {
        (Some(_), Some(_)) => Err(bad("to_version", "it stands for a generation; give it or `to`, not both")),
        (Some(_) | None, _) => Ok(request),
    }
}

/// Understands the body of `POST /restore-points/prune`; an empty one prunes by the settings.
pub(super) fn prune(media_type: Option<&str>, bytes: &[u8]) -> Result<PruneRequest, Refusal> {
    let fields = Fields::read(media_type, bytes, &["keep"])?;
    let request = PruneRequest { keep: fields.map(|fields| fields.take("keep")).transpose()?.flatten() };
    // The newest is the only way back from the generation in force.
    if request.keep == Some(0) {
        return Err(bad("keep", "at least 1 restore point is kept: without one nothing can be undone"));
    }
    Ok(request)
}

/// Understands the body of a call that has none; an empty object is none either.
pub(super) fn nothing(media_type: Option<&str>, bytes: &[u8]) -> Result<(), Refusal> {
    Fields::read(media_type, bytes, &[]).map(|_| ())
}

/// Understands the body of `POST /server/enrol`; an empty one asks for what the settings say.
pub(super) fn enrol(media_type: Option<&str>, bytes: &[u8]) -> Result<ServerEnrolRequest, Refusal> {
    let known = ["server", "token", "device_type", "distribution", "ca_pem", "again"];
    let Some(fields) = Fields::read(media_type, bytes, &known)? else {
        return Ok(ServerEnrolRequest::default());
    };
    Ok(ServerEnrolRequest {
        server: fields.take("server")?,
        token: fields.take("token")?,
        device_type: fields.take("device_type")?,
        distribution: fields.take("distribution")?,
        ca_pem: fields.take("ca_pem")?,
        again: fields.take("again")?,
    })
}

impl Update {
    fn of(format: Format, packages: PackageList) -> Self {
        Self { format, packages, bundle: None, dry_run: false, idempotency_key: None, approve: Vec::new() }
    }
}

fn update_from_json(bytes: &[u8]) -> Result<Update, Refusal> {
    let object = object(bytes)?;
    if object.contains_key("filedata") || object.contains_key("filename") {
        let Some(filedata) = object.get("filedata") else {
            return Err(bad("filedata", "the field is missing"));
        };
        let text = filedata.as_str().ok_or_else(|| bad("filedata", "it is not a string"))?;
        return Ok(Update::of(Format::Controller, list(&decode(text.as_bytes())?)?));
    }
    let fields = Fields::of(object, &["packages", "bundle", "dry_run", "idempotency_key", "approve"])?;
    let packages: Option<Vec<String>> = fields.take("packages")?;
    let (lines, bundle) = match (packages, fields.take::<Option<Value>>("bundle")?) {
        (Some(_), Some(_)) => return Err(bad("bundle", "a job installs `packages` or a bundle; give one of them")),
        (None, None) => return Err(bad("packages", "the field is missing; it or `bundle` says what to install")),
        (Some(lines), None) => (lines, None),
        (None, Some(bundle)) => (Vec::new(), Some(bundle::read(bundle)?)),
    };
    Ok(Update {
        format: Format::Native,
        packages: PackageList::from_lines(lines.iter().map(String::as_str))?,
        bundle,
        dry_run: fields.take("dry_run")?,
        idempotency_key: fields.key()?,
        approve: fields.take("approve")?,
    })
}

/// The fields of a posted object.
pub(super) struct Fields {
    object: Map<String, Value>,
    /// What stands before its fields' names in messages: `bundle.` of one that lies in another.
    within: &'static str,
}

impl Fields {
    fn read(media_type: Option<&str>, bytes: &[u8], known: &[&str]) -> Result<Option<Self>, Refusal> {
        match media_type {
            _ if bytes.is_empty() => Ok(None),
            None | Some("application/json") => Self::of(object(bytes)?, known).map(Some),
            Some(other) => {
                Err(Refusal::UnsupportedType { sent: other.to_owned(), read: "application/json, or nothing at all" })
            }
        }
    }

    fn of(object: Map<String, Value>, known: &[&str]) -> Result<Self, Refusal> {
        Self::within("", object, known)
    }

    /// A field that is not known is refused: a misspelt `dry_run` must not install.
    pub(super) fn within(within: &'static str, object: Map<String, Value>, known: &[&str]) -> Result<Self, Refusal> {
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(Self { object, within }),
            Some(key) => {
                let field = format!("{within}{key}");
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(bad(&field, &format!("there is no such field; there are {known}")))
            }
        }
    }

    /// A field's value; its default where it is absent or null.
    pub(super) fn take<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, Refusal> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => {
                T::deserialize(value).map_err(|error| bad(&format!("{}{name}", self.within), &error.to_string()))
            }
        }
    }

    fn key(&self) -> Result<Option<String>, Refusal> {
        let key: Option<String> = self.take("idempotency_key")?;
        let fits = |key: &String| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.as_ref().is_none_or(fits) {
            Ok(key)
        } else {
            Err(bad("idempotency_key", &format!("a key has 1 to {MAX_KEY} visible ASCII characters")))
        }
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::BadJson { field: None, detail: error.to_string() })
}

pub(super) fn bad(field: &str, detail: &str) -> Refusal {
    Refusal::BadJson { field: Some(field.to_owned()), detail: format!("{field}: {detail}") }
}

/// Standard base64, in one line or wrapped.
fn decode(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).map_err(|error| Refusal::BadBase64(error.to_string().to_lowercase()))
}

fn list(bytes: &[u8]) -> Result<PackageList, Refusal> {
    // Editors on Windows begin a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal::NotUtf8 {
        line: bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1,
    })?;
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests;
