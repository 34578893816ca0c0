//! The door to the artifacts: `/api/v1/artifacts/{sha256}`.
//!
//! Two routers, because two kinds of people come: whoever mounts them puts the question for permission in front.

mod assemble;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_protocol::Sha256;
use belay_protocol::admin::ApiError;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Refusal;
use crate::artifacts::{ArtifactError, Artifacts, Upload, Wanted, wanted};
use crate::service::Service;

pub(super) use assemble::assembly_routes;

/// An artifact that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactView {
    /// Its digest: 64 hex digits.
    pub sha256: String,
    /// How many bytes it has.
    pub size: u64,
}

/// Takes artifacts of at most `limit` bytes. Mount behind the permission `updates:publish`.
pub fn upload_routes<S: Clone + Send + Sync + 'static>(service: Service, limit: u64) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(put_artifact)).with_state(Uploads { service, limit })
}

/// Gives artifacts out. Mount behind a device's key or an operator's token.
pub fn download_routes<S: Clone + Send + Sync + 'static>(artifacts: Artifacts) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(get_artifact, head_artifact)).with_state(artifacts)
}

#[derive(Clone)]
struct Uploads {
    service: Service,
    limit: u64,
}

type Digest = Result<Path<String>, PathRejection>;

/// Upload an artifact
///
/// The body is the artifact itself. Nothing is kept unless all of it arrives and its digest is the one in the path. The
/// same artifact again is welcome.
#[utoipa::path(
    put,
    path = "/api/v1/artifacts/{sha256}",
    tag = "artifacts",
    params(("sha256" = String, Path, description = "its SHA-256, 64 hex digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "it is kept", body = ArtifactView),
        (status = 200, description = "it was kept already", body = ArtifactView),
        (status = 400, description = "`invalid_digest`, `upload_cut_off`", body = ApiError),
        (status = 408, description = "`request_timeout`: it came too slowly", body = ApiError),
        (status = 413, description = "`too_large`", body = ApiError),
        (status = 422, description = "`digest_mismatch`", body = ApiError),
        (status = 507, description = "`disk_full`", body = ApiError),
    )
)]
async fn put_artifact(State(uploads): State<Uploads>, digest: Digest, body: Body) -> Response {
    let Some(expected) = read(digest) else { return invalid_digest() };
    let upload = Upload { expected: Some(expected), announced: body.size_hint().exact(), limit: uploads.limit };
    match uploads.service.take_artifact(upload, body.into_data_stream()).await {
        Ok(Ok(received)) => {
            let stored = received.keep();
            let status = if stored.new { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(ArtifactView { sha256: stored.sha256.to_string(), size: stored.size })).into_response()
        }
        Ok(Err(error)) => error.into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}

/// Download an artifact
///
/// All of it or, by `Range`, one part of it. It never changes: `ETag` is its digest.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts/{sha256}",
    tag = "artifacts",
    params(
        ("sha256" = String, Path, description = "its SHA-256, 64 hex digits"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
        ("If-Range" = Option<String>, Header, description = "the `ETag` the range belongs to"),
        ("If-None-Match" = Option<String>, Header, description = "the `ETag` that is there already"),
    ),
    responses(
        (status = 200, description = "the artifact", content_type = "application/octet-stream"),
        (status = 206, description = "the part", content_type = "application/octet-stream"),
        (status = 304, description = "the client has it"),
        (status = 400, description = "`invalid_digest`", body = ApiError),
        (status = 404, description = "`not_found`", body = ApiError),
        (status = 416, description = "`range_not_satisfiable`: it has fewer bytes", body = ApiError),
    )
)]
async fn get_artifact(State(artifacts): State<Artifacts>, digest: Digest, headers: HeaderMap) -> Response {
    let Some(sha256) = read(digest) else { return invalid_digest() };
    match fetch(&artifacts, sha256, &headers).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// Ask for an artifact's size
#[utoipa::path(
    head,
    path = "/api/v1/artifacts/{sha256}",
    tag = "artifacts",
    params(("sha256" = String, Path, description = "its SHA-256, 64 hex digits")),
    responses(
        (status = 200, description = "it is there; `Content-Length` is its size"),
        (status = 304, description = "the client has it"),
        (status = 404, description = "it is not there"),
    )
)]
async fn head_artifact(State(artifacts): State<Artifacts>, digest: Digest, headers: HeaderMap) -> Response {
    let Some(sha256) = read(digest) else { return invalid_digest() };
    match artifacts.size(sha256).await {
        Ok(_) if has_it(&headers, sha256) => described(StatusCode::NOT_MODIFIED, sha256, Body::empty()),
        Ok(size) => sized(described(StatusCode::OK, sha256, Body::empty()), size),
        Err(error) => error.into_response(),
    }
}

/// Answers with an artifact, or a part of it, or that the client has it.
pub(super) async fn fetch(
    artifacts: &Artifacts,
    sha256: Sha256,
    headers: &HeaderMap,
) -> Result<Response, ArtifactError> {
    let size = artifacts.size(sha256).await?;
    if has_it(headers, sha256) {
        return Ok(described(StatusCode::NOT_MODIFIED, sha256, Body::empty()));
    }
    let (status, range) = match range_of(headers, sha256, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Beyond => return Ok(beyond(size)),
    };
    let body = Body::from_stream(artifacts.get(sha256, range.clone()).await?);
    let mut response = sized(described(status, sha256, body), range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        set(&mut response, header::CONTENT_RANGE, &part);
    }
    Ok(response)
}

/// A range counts only for the artifact it was meant for.
fn range_of(headers: &HeaderMap, sha256: Sha256, size: u64) -> Wanted {
    let meant = headers.get(header::IF_RANGE).is_none_or(|tag| *tag == etag(sha256));
    match headers.get(header::RANGE).filter(|_| meant).map(HeaderValue::to_str) {
        Some(Ok(range)) => wanted(range, size),
        Some(Err(_)) | None => Wanted::Whole,
    }
}

fn has_it(headers: &HeaderMap, sha256: Sha256) -> bool {
    let tag = etag(sha256);
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
    })
}

fn described(status: StatusCode, sha256: Sha256, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    set(&mut response, header::ETAG, &etag(sha256));
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "private, max-age=31536000, immutable");
    response
}

fn sized(mut response: Response, size: u64) -> Response {
    set(&mut response, header::CONTENT_LENGTH, &size.to_string());
    response
}

fn beyond(size: u64) -> Response {
    let words = format!("this artifact has {size} bytes; ask for a part of it");
    let mut response = crate::serve::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", words);
    set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    response.headers_mut().insert(name, HeaderValue::from_str(value).expect("made of digits and letters"));
}

fn etag(sha256: Sha256) -> String {
    format!("\"{sha256}\"")
}

fn read(digest: Digest) -> Option<Sha256> {
    digest.ok()?.0.parse().ok()
}

fn invalid_digest() -> Response {
    let body = ApiError {
        error: "invalid_digest".into(),
        message: "the name of an artifact is its SHA-256: 64 hex digits".into(),
        field: Some("sha256".into()),
    };
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// The sentence for whoever asks; what goes wrong in here stays in the log.
pub(super) fn sentence(error: &ArtifactError) -> String {
    match error {
        ArtifactError::Folder { .. } | ArtifactError::Store(_) => {
            tracing::error!(%error, "artifacts cannot be kept or read");
            "the server cannot use its artifacts at present; its log says why".to_owned()
        }
        ArtifactError::NoSpace
        | ArtifactError::DigestMismatch { .. }
        | ArtifactError::TooLarge { .. }
        | ArtifactError::CutOff(_)
        | ArtifactError::NotFound(_) => error.to_string(),
    }
}

impl IntoResponse for ArtifactError {
    fn into_response(self) -> Response {
        refused(&self)
    }
}

fn refused(error: &ArtifactError) -> Response {
    crate::serve::refusal(error.status(), error.code(), sentence(error))
}

#[cfg(test)]
mod tests;
