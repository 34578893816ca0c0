//! `POST /api/v1/releases/publish`: a bundle and everything about it in one form, taken as it comes.

use axum::Json;
use axum::body::HttpBody;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use belay_protocol::admin::{CreateBundle, CreateManifest, CreateRelease, PublishedRelease, ReleaseName};
use belay_protocol::bundle::{LONGEST_MANIFEST, Manifest};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::sips::sipped;
use crate::api::error::{Answer, Refusal};
use crate::api::operator::{Operator, PublishReleases};
use crate::api::{ApiState, artifacts, text};
use crate::artifacts::{ArtifactError, Upload};
use crate::service::{Kind, Received, ServiceError, published_with_archive};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(publish)).layer(DefaultBodyLimit::disable())
}

/// What a form brings. Each part stands in it once; `archive` is best the last, and `manifest` before it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is what the document says of a form; parts are read as they come")]
struct PublishForm {
    /// The devices that it is for.
    device_type: String,
    /// Their ring.
    distribution: String,
    /// Its version.
    version: String,
    /// What is new, for people.
    notes: Option<String>,
    /// The manifest; the server writes one where there is none.
    #[schema(value_type = Option<String>, format = Binary)]
    manifest: Option<Vec<u8>>,
    /// The manifest's signature, in minisign's format.
    #[schema(value_type = Option<String>, format = Binary)]
    signature: Option<Vec<u8>>,
    /// The archive.
    #[schema(value_type = String, format = Binary)]
    archive: Vec<u8>,
}

/// Publishes a bundle with its archive, in one request.
///
/// The archive is hashed while it is written, and nothing of it stays unless the release is published. The same again
/// changes nothing.
#[utoipa::path(post, path = "/api/v1/releases/publish", tag = "releases",
    security(("operator" = ["updates:publish"])),
    request_body(content = PublishForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "It is published", body = PublishedRelease),
        (status = 200, description = "It was published before, with this content", body = PublishedRelease),
        (status = 400, description = "`bad_body`, `upload_cut_off`: it cannot be read, or broke off"),
        (status = 408, description = "`request_timeout`: it came too slowly"),
        (status = 409, description = "It exists with another content"),
        (status = 413, description = "`too_large`: the archive, or a part before it"),
        (status = 415, description = "`not_multipart`: it is no form with parts"),
        (status = 422, description = "A part is missing, there twice, unknown, or makes no sense; it is named"),
        (status = 500, description = "The server failed; its log says why"),
        (status = 503, description = "The database does not answer; nothing was taken"),
        (status = 507, description = "`disk_full`")))]
async fn publish(
    State(state): State<ApiState>,
    operator: Operator<PublishReleases>,
    request: Request,
) -> Answer<(StatusCode, Json<PublishedRelease>)> {
    // Much of what is more than fits would have come before anybody noticed.
    if request.body().size_hint().lower() > state.sizes.artifact.saturating_add(WITH_PARTS) {
        return Err(refused(&ArtifactError::TooLarge { limit: state.sizes.artifact }));
    }
    let (request, door) = sipped(request);
    let mut parts = Multipart::from_request(request, &state).await.map_err(|_| not_multipart())?;
    let mut form = Form::default();
    loop {
        door.between_parts();
        let Some(part) = parts.next_field().await.map_err(|error| unreadable(&error))? else { break };
        door.within_a_part();
        form.take(part, &state).await?;
    }
    let (release, received) = form.finish()?;
    let (release, new) = state.service.create_release(&operator.actor(), release).await?;
    received.keep();
    let published = published_with_archive(release)
        .ok_or_else(|| ServiceError::new(Kind::Internal, "not_a_bundle", "a form made no bundle"))?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(published)))
}

/// What came so far.
#[derive(Debug, Default)]
struct Form {
    device_type: Option<String>,
    distribution: Option<String>,
    version: Option<String>,
    notes: Option<String>,
    manifest: Option<String>,
    signature: Option<String>,
    archive: Option<Received>,
}

impl Form {
    async fn take(&mut self, part: Field<'_>, state: &ApiState) -> Answer<()> {
        let name = part.name().unwrap_or_default().to_owned();
        let (slot, longest) = match name.as_str() {
            "device_type" => (&mut self.device_type, text::LONGEST),
            "distribution" => (&mut self.distribution, text::LONGEST),
            "version" => (&mut self.version, text::LONGEST),
            "notes" => (&mut self.notes, text::LONGEST_NOTES),
            "manifest" => (&mut self.manifest, LONGEST_MANIFEST),
            "signature" => (&mut self.signature, text::LONGEST_SIGNATURE),
            "archive" if self.archive.is_none() => {
                self.archive = Some(self.receive(part, state).await?);
                return Ok(());
            }
            "archive" => return Err(twice(&name)),
            _ => {
                let sentence = format!("there is no part {name:?} here; see the API document for those that there are");
                return Err(Refusal::of_field(name, sentence));
            }
        };
        if slot.is_some() {
            return Err(twice(&name));
        }
        *slot = Some(read(part, &name, longest).await?);
        Ok(())
    }

    /// Writes the archive down as it comes. What the manifest says of it is asked for at once where it came before.
    async fn receive(&self, part: Field<'_>, state: &ApiState) -> Answer<Received> {
        let expected = match &self.manifest {
            Some(text) => {
                Manifest::parse(text).map_err(|error| Refusal::of_field("manifest", error.to_string()))?.sha256
            }
            None => None,
        };
        let upload = Upload { expected, announced: None, limit: state.sizes.artifact };
        state.service.take_artifact(upload, part).await?.map_err(|error| refused(&error))
    }

    fn finish(self) -> Answer<(CreateRelease, Received)> {
        let name = ReleaseName {
            device_type: label("device_type", self.device_type)?,
            distribution: label("distribution", self.distribution)?,
            version: label("version", self.version)?,
        };
        let received = self.archive.ok_or_else(|| missing("archive"))?;
        let manifest = match (self.manifest, self.signature) {
            (Some(text), signature) => Some(CreateManifest { text, signature }),
            (None, None) => None,
            (None, Some(_)) => {
                let sentence = "a signature belongs to a manifest: send the part manifest too";
                return Err(Refusal::of_field("manifest", sentence));
            }
        };
        let stored = received.stored();
        let bundle = CreateBundle { sha256: stored.sha256, size: Some(stored.size), url: None };
        let release = CreateRelease {
            bundle: Some(bundle),
            manifest,
            notes: self.notes.unwrap_or_default(),
            ..CreateRelease::named(name)
        };
        Ok((release, received))
    }
}

/// Reads a short part.
async fn read(mut part: Field<'_>, name: &str, longest: usize) -> Answer<String> {
    let mut bytes = Vec::new();
    while let Some(more) = part.chunk().await.map_err(|error| unreadable(&error))? {
        if bytes.len() + more.len() > longest {
            let sentence = format!("the part {name} has at most {longest} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence).at(name));
        }
        bytes.extend_from_slice(&more);
    }
    let read = String::from_utf8(bytes).map_err(|_| Refusal::of_field(name, "it is not UTF-8"))?;
    text::check_part(name, &read)?;
    Ok(read)
}

fn label<T>(name: &str, text: Option<String>) -> Answer<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = text.ok_or_else(|| missing(name))?;
    text.parse().map_err(|error: T::Err| Refusal::of_field(name, error.to_string()))
}

/// More bytes than a form has beside its archive.
const WITH_PARTS: u64 = 1024 * 1024;

fn missing(name: &str) -> Refusal {
    Refusal::of_field(
        name,
        format!("the part {name} is missing; a form has device_type, distribution, version, archive"),
    )
}

fn twice(name: &str) -> Refusal {
    Refusal::of_field(name, format!("the part {name} is there twice; send it once"))
}

fn not_multipart() -> Refusal {
    let sentence = "send a form, with the header Content-Type: multipart/form-data; boundary=…";
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_multipart", sentence)
}

fn unreadable(error: &MultipartError) -> Refusal {
    let sentence = format!("the form broke off or cannot be read ({}); send it again", error.body_text());
    Refusal::new(StatusCode::BAD_REQUEST, "bad_body", sentence)
}

fn refused(error: &ArtifactError) -> Refusal {
    let refusal = Refusal::new(error.status(), error.code(), artifacts::sentence(error));
    match error {
        ArtifactError::DigestMismatch { .. } | ArtifactError::TooLarge { .. } => refusal.at("archive"),
        ArtifactError::NoSpace
        | ArtifactError::CutOff(_)
        | ArtifactError::NotFound(_)
        | ArtifactError::Folder { .. }
        | ArtifactError::Store(_) => refusal,
    }
}
