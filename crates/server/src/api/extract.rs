//! What a request carries: its body, query and path, each read with one kind of refusal.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::ApiState;
use super::error::Refusal;
use super::text;
use crate::service::PageOf;

/// An operator's order. A field that the server does not know is refused: it may be a misspelt one.
#[derive(Debug)]
pub(crate) struct Order<T>(pub(crate) T);

impl<T: DeserializeOwned + Serialize> FromRequest<ApiState> for Order<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refusal> {
        let bytes = json_bytes(request, state).await?;
        read_order(&bytes).map(Self)
    }
}

/// An operator's order that may be empty.
#[derive(Debug)]
pub(crate) struct OptionalOrder<T>(pub(crate) T);

impl<T: DeserializeOwned + Serialize + Default> FromRequest<ApiState> for OptionalOrder<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refusal> {
        let json = is_json(request.headers());
        let bytes = bytes(request, state).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => read_order(&bytes).map(Self),
            (false, false) => Err(not_json()),
        }
    }
}

/// A device's message. What the server does not know is ignored: the device may be newer.
#[derive(Debug)]
pub(crate) struct Message<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Message<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refusal> {
        let bytes = json_bytes(request, state).await?;
        // The path to a field costs time that only a refusal is worth.
        serde_json::from_slice(&bytes).map(Self).map_err(|_| {
            let json = &mut serde_json::Deserializer::from_slice(&bytes);
            match serde_path_to_error::deserialize::<_, T>(json) {
                Ok(_) => bad_json("there is more behind the end"),
                Err(error) => bad_body(&error),
            }
        })
    }
}

/// What stands behind the question mark. Unknown words are refused: a misspelt filter would select everything.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        for (name, value) in pairs.map_err(|error| bad_query(&error))?.0 {
            text::check(&Value::Object([(name, Value::String(value))].into_iter().collect()))?;
        }
        Query::<T>::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked)).map_err(|error| bad_query(&error))
    }
}

/// The parts of the path that name something.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(bad_path(rejection)),
        }
    }
}

/// Puts the number of a page and its size together.
pub(crate) fn page_of(page: u32, page_size: u32) -> Result<PageOf, Refusal> {
    if page == 0 {
        return Err(Refusal::of_field("page", "pages are counted from 1"));
    }
    if !(1..=LONGEST_PAGE).contains(&page_size) {
        return Err(Refusal::of_field("page_size", format!("a page has 1 to {LONGEST_PAGE} things, not {page_size}")));
    }
    Ok(PageOf { page, page_size })
}

/// The first page, where nothing is said.
pub(crate) fn first_page() -> u32 {
    1
}

/// How many things a page has, where nothing is said.
pub(crate) fn usual_page_size() -> u32 {
    50
}

fn read_order<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Refusal> {
    let sent: Value = serde_json::from_slice(bytes).map_err(|error| bad_json(&error.to_string()))?;
    text::check(&sent)?;
    let order: T =
        serde_path_to_error::deserialize(&sent).map_err(|error| match error.path().to_string().as_str() {
            "." => Refusal::of_field(flattened(&sent, &error.inner().to_string()), error.inner().to_string()),
            _ => bad_body(&error),
        })?;
    let read = serde_json::to_value(&order).map_err(|error| bad_json(&error.to_string()))?;
    text::check_known(&sent, &read)?;
    Ok(order)
}

/// The path does not lead into the parts of a name, so the field is found by the value that the problem begins with.
fn flattened(sent: &Value, problem: &str) -> String {
    let fields = sent.as_object().into_iter().flatten();
    let mut named =
        fields.filter(|(_, value)| value.as_str().is_some_and(|text| problem.starts_with(&format!("{text:?}"))));
    named.next().map_or_else(|| field("", problem), |(name, _)| name.clone())
}

async fn json_bytes(request: Request, state: &ApiState) -> Result<Bytes, Refusal> {
    if is_json(request.headers()) { bytes(request, state).await } else { Err(not_json()) }
}

/// How many bytes a body has at most on a route that takes less than the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LongestBody(pub(crate) u64);

async fn bytes(request: Request, state: &ApiState) -> Result<Bytes, Refusal> {
    let longest = request.extensions().get::<LongestBody>().map_or(state.sizes.body, |longest| longest.0);
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let sentence = format!("a body has at most {longest} bytes here");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence)
        }
        _ => Refusal::new(StatusCode::BAD_REQUEST, "bad_body", "the body broke off; send the request again"),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn not_json() -> Refusal {
    let sentence = "send the body as JSON, with the header Content-Type: application/json";
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", sentence)
}

fn bad_json(problem: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is no JSON: {problem}"))
}

fn bad_body(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let problem = error.inner().to_string();
    match error.inner().classify() {
        Category::Data => Refusal::of_field(field(&error.path().to_string(), &problem), problem),
        Category::Io | Category::Syntax | Category::Eof => bad_json(&problem),
    }
}

fn bad_query(rejection: &QueryRejection) -> Refusal {
    let text = rejection.body_text();
    let problem = text.split_once("query string: ").map_or(text.as_str(), |(_, problem)| problem);
    // Where a value cannot be read, its name stands before the problem.
    match problem.split_once(": ") {
        Some((name, problem)) if !name.contains(' ') => Refusal::of_field(name, problem),
        Some(_) | None => Refusal::of_field(field("", problem), problem),
    }
}

fn bad_path(rejection: PathRejection) -> Refusal {
    let PathRejection::FailedToDeserializePathParams(problem) = rejection else { return unreadable_path() };
    match problem.into_kind() {
        ErrorKind::InvalidUtf8InPathParam { .. } => unreadable_path(),
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => {
            Refusal::of_field(key, format!("{value:?} is no {expected_type}"))
        }
        ErrorKind::ParseError { value, expected_type } | ErrorKind::ParseErrorAtIndex { value, expected_type, .. } => {
            Refusal::of_field("id", format!("{value:?} is no {expected_type}"))
        }
        ErrorKind::DeserializeError { key, message, .. } => Refusal::of_field(key, message),
        ErrorKind::Message(message) => Refusal::of_field("id", message),
        // Only a route that asks for another number of parts than its path has comes here, and kinds yet to be made.
        ErrorKind::WrongNumberOfParameters { .. } | ErrorKind::UnsupportedType { .. } | _ => unreadable_path(),
    }
}

fn unreadable_path() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_path", "the path is not UTF-8 once its percent signs are read")
}

/// The field at fault: one that is missing or unknown stands in the problem, not in the path.
fn field(path: &str, problem: &str) -> String {
    let path = if path == "." { "" } else { path };
    let absent = ["missing field `", "unknown field `", "duplicate field `"];
    let name = absent.iter().find_map(|start| problem.strip_prefix(start)?.split('`').next());
    let ends_so = |name: &str| path == name || path.ends_with(&format!(".{name}"));
    match name {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if !ends_so(name) => format!("{path}.{name}"),
        Some(_) | None => path.to_owned(),
    }
}

/// What an answer with a secret says of itself.
pub(crate) type Secret = [(HeaderName, HeaderValue); 1];

/// Nobody between may keep it.
pub(crate) const SECRET: Secret = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];

const LONGEST_PAGE: u32 = 500;

#[cfg(test)]
mod tests;
