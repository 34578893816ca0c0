//! What a release consists of: given out, looked at, promoted, and its notes written.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use belay_protocol::admin::{PromoteRelease, ReleaseCheck, ReleaseName, ReleaseView};
use belay_protocol::{DeviceType, Distribution, ReleaseVersion};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::error::{Answer, Refusal};
use crate::api::extract::{Named, Order};
use crate::api::operator::{Operator, PublishReleases, ViewReleases};
use crate::api::{ApiState, artifacts, text};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(verify))
        .routes(routes!(download))
        .routes(routes!(manifest))
        .routes(routes!(signature))
        .routes(routes!(notes, write_notes))
        .routes(routes!(promote))
        .layer(DefaultBodyLimit::max(text::LONGEST_NOTES + 1))
}

/// Looks at what is there of a release: its archive is read from the first byte to the last.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}/verify", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 200, description = "What was found", body = ReleaseCheck),
        (status = 404, description = "There is no such release")))]
async fn verify(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<Json<ReleaseCheck>> {
    Ok(Json(state.service.check_release(&name).await?))
}

/// Downloads the archive of a bundle, or by `Range` a part of it.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}/download", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` the range belongs to"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that is there already")),
    responses((status = 200, description = "The archive", content_type = "application/octet-stream"),
        (status = 206, description = "The part", content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 404, description = "There is no such release, or this server keeps no archive of it"),
        (status = 416, description = "`range_not_satisfiable`: it has fewer bytes")))]
async fn download(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (sha256, archive) = state.service.release_archive(&name).await?;
    let mut response = match artifacts::fetch(&state.artifacts, sha256, &headers).await {
        Ok(response) => response,
        Err(error) => return Ok(error.into_response()),
    };
    if response.status().is_success() {
        // The release may be deleted and published anew; only the digest means the same for ever.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        response.headers_mut().insert(CONTENT_DISPOSITION, attachment(&archive));
    }
    Ok(response)
}

/// Gives out a release's manifest as it was published, byte for byte.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}/manifest.json", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 200, description = "The manifest", body = Object, content_type = "application/json"),
        (status = 404, description = "There is no such release, or it has no manifest")))]
async fn manifest(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<([(HeaderName, &'static str); 1], String)> {
    let manifest = state.service.release_manifest(&name).await?;
    Ok(([(CONTENT_TYPE, "application/json")], manifest.text))
}

/// Gives out the signature of a release's manifest, as it was published.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}/manifest.sig", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 200, description = "The signature", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such release, or nobody signed it")))]
async fn signature(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<String> {
    let manifest = state.service.release_manifest(&name).await?;
    let unsigned = || Refusal::new(StatusCode::NOT_FOUND, "not_found", format!("nobody signed {name}"));
    manifest.signature.ok_or_else(unsigned)
}

/// Gives out what is new in a release.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}/notes", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 200, description = "The notes", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such release")))]
async fn notes(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<String> {
    Ok(state.service.release(&name).await?.notes)
}

/// Writes other notes on a release: the one thing of it that may change.
#[utoipa::path(put, path = "/api/v1/releases/{device_type}/{distribution}/{version}/notes", tag = "releases",
    security(("operator" = ["updates:publish"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "The release as it is now", body = ReleaseView),
        (status = 404, description = "There is no such release"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "Notes have at most 65536 bytes"),
        (status = 415, description = "`not_text`: the body is not said to be `text/plain`")))]
async fn write_notes(
    State(state): State<ApiState>,
    operator: Operator<PublishReleases>,
    Named(name): Named<ReleaseName>,
    Text(notes): Text,
) -> Answer<Json<ReleaseView>> {
    Ok(Json(state.service.write_notes(&operator.actor(), &name, &notes).await?))
}

/// Publishes a release to another ring of its devices, without sending anything again.
///
/// The archive, the manifest and its signature stay the same. The same again changes nothing.
#[utoipa::path(post, path = "/api/v1/releases/{device_type}/{distribution}/{version}/promote", tag = "releases",
    security(("operator" = ["updates:publish"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    request_body = PromoteRelease,
    responses((status = 201, description = "It is published there", body = ReleaseView),
        (status = 200, description = "It was there before, with this content", body = ReleaseView),
        (status = 404, description = "There is no such release"),
        (status = 409, description = "It exists there with another content")))]
async fn promote(
    State(state): State<ApiState>,
    operator: Operator<PublishReleases>,
    Named(name): Named<ReleaseName>,
    Order(to): Order<PromoteRelease>,
) -> Answer<(StatusCode, Json<ReleaseView>)> {
    let (release, new) = state.service.promote_release(&operator.actor(), &name, to).await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(release)))
}

/// A body of plain text.
struct Text(String);

impl FromRequest<ApiState> for Text {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain") {
            let sentence = "send the notes as they are, with the header Content-Type: text/plain";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_text", sentence));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let sentence = format!("notes have at most {} bytes; point to a longer text", text::LONGEST_NOTES);
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence)
            }
            _ => Refusal::new(StatusCode::BAD_REQUEST, "bad_body", "the body broke off; send the request again"),
        })?;
        let text = String::from_utf8(bytes.into())
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "bad_body", "the notes are not UTF-8"))?;
        text::check_part("notes", &text)?;
        Ok(Self(text))
    }
}

/// How a browser is told to call the file. What a manifest says is anybody's text.
fn attachment(archive: &str) -> HeaderValue {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = if !archive.is_empty() && archive.bytes().all(plain) { archive } else { "update.tar.gz" };
    HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).expect("it is made of letters, digits and signs")
}
