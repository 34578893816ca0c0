//! The door to artifacts that come in pieces: `/api/v1/artifacts/{sha256}/assemble`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use belay_protocol::Sha256;
use belay_protocol::admin::{ApiError, AssembleArtifact, PiecesMissing};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ArtifactView, Digest, invalid_digest, read, refused};
use crate::api::ApiState;
use crate::api::error::Refusal;
use crate::api::extract::Order;
use crate::api::operator::{Operator, PublishReleases};
use crate::service::{Assembly, NotAssembled};

/// Puts artifacts together.
pub(in crate::api) fn assembly_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(assemble))
}

/// Put an artifact together from pieces
///
/// Each piece is uploaded before as an artifact of its own, in any order and by any number of connections. Ask first:
/// what is missing is named, so an upload that was cut off goes on where it was. Nothing is kept unless the digest is the
/// one in the path; then the pieces go.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{sha256}/assemble",
    tag = "artifacts",
    params(("sha256" = String, Path, description = "its SHA-256, 64 hex digits")),
    request_body = AssembleArtifact,
    responses(
        (status = 201, description = "it is kept", body = ArtifactView),
        (status = 200, description = "it was kept already", body = ArtifactView),
        (status = 400, description = "`invalid_digest`, `upload_cut_off`: a piece went meanwhile", body = ApiError),
        (status = 409, description = "`pieces_missing`: upload those and ask again", body = PiecesMissing),
        (status = 413, description = "`too_large`", body = ApiError),
        (status = 422, description = "`digest_mismatch`, `size_mismatch`", body = ApiError),
        (status = 507, description = "`disk_full`", body = ApiError),
    )
)]
async fn assemble(
    State(state): State<ApiState>,
    digest: Digest,
    _: Operator<PublishReleases>,
    Order(order): Order<AssembleArtifact>,
) -> Response {
    let Some(sha256) = read(digest) else { return invalid_digest() };
    let AssembleArtifact { pieces, size } = order;
    let count = pieces.len();
    let assembly = Assembly { sha256, size, pieces, limit: state.sizes.artifact };
    match state.service.assemble_artifact(assembly).await {
        Ok(stored) => {
            let status = if stored.new { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(ArtifactView { sha256: stored.sha256.to_string(), size: stored.size })).into_response()
        }
        Err(NotAssembled::Missing(missing)) => pieces_missing(missing, count),
        Err(NotAssembled::Refused(error)) => refused(&error),
        Err(NotAssembled::Failed(error)) => Refusal::from(error).into_response(),
    }
}

fn pieces_missing(missing: Vec<Sha256>, count: usize) -> Response {
    let message = format!(
        "{} of {count} pieces are not here; upload those that `missing` lists as artifacts, then ask again",
        missing.len()
    );
    let refusal = ApiError { error: "pieces_missing".to_owned(), message, field: Some("pieces".to_owned()) };
    (StatusCode::CONFLICT, Json(PiecesMissing { refusal, missing })).into_response()
}
