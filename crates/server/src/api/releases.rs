//! Releases: published, shown, deleted.

mod parts;
mod publish;
mod sips;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use belay_protocol::admin::{CreateRelease, Page, ReleaseName, ReleaseView};
use belay_protocol::{DeviceType, Distribution, ReleaseVersion};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::Answer;
use super::extract::{Asked, Named, Order, first_page, page_of, usual_page_size};
use super::operator::{Operator, PublishReleases, ViewReleases};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(releases, create))
        .routes(routes!(release, delete))
        .merge(parts::routes())
        .merge(publish::routes())
}

/// Which things of a type and ring. What is empty asks for nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RingQuery {
    /// Of this type.
    #[serde(default)]
    pub(super) device_type: String,
    /// Of this ring.
    #[serde(default)]
    pub(super) distribution: String,
    /// The page's number, counted from 1.
    #[serde(default = "first_page")]
    #[param(minimum = 1, default = 1)]
    pub(super) page: u32,
    /// How many things a page has at most, 1 to 500.
    #[serde(default = "usual_page_size")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(super) page_size: u32,
}

/// Lists releases, newest first.
#[utoipa::path(get, path = "/api/v1/releases", tag = "releases", security(("operator" = ["updates:view"])),
    params(RingQuery), responses((status = 200, description = "A page of releases", body = Page<ReleaseView>)))]
async fn releases(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Asked(query): Asked<RingQuery>,
) -> Answer<Json<Page<ReleaseView>>> {
    let page = page_of(query.page, query.page_size)?;
    Ok(Json(state.service.releases(&query.device_type, &query.distribution, page).await?))
}

/// Publishes a release. The same again changes nothing; another content under the same name is refused.
///
/// The archive of a bundle is uploaded before, by `PUT /api/v1/artifacts/{sha256}`, or lies elsewhere, at `url`.
#[utoipa::path(post, path = "/api/v1/releases", tag = "releases", security(("operator" = ["updates:publish"])),
    request_body = CreateRelease,
    responses((status = 201, description = "It is published", body = ReleaseView),
        (status = 200, description = "It was published before, with this content", body = ReleaseView),
        (status = 409, description = "It exists with another content")))]
async fn create(
    State(state): State<ApiState>,
    operator: Operator<PublishReleases>,
    Order(release): Order<CreateRelease>,
) -> Answer<(StatusCode, Json<ReleaseView>)> {
    let (release, new) = state.service.create_release(&operator.actor(), release).await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(release)))
}

/// Shows a release.
#[utoipa::path(get, path = "/api/v1/releases/{device_type}/{distribution}/{version}", tag = "releases",
    security(("operator" = ["updates:view"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 200, description = "The release", body = ReleaseView),
        (status = 404, description = "There is none")))]
async fn release(
    State(state): State<ApiState>,
    _: Operator<ViewReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<Json<ReleaseView>> {
    Ok(Json(state.service.release(&name).await?))
}

/// Deletes a release that no channel, no deployment that still runs and no device points to.
#[utoipa::path(delete, path = "/api/v1/releases/{device_type}/{distribution}/{version}", tag = "releases",
    security(("operator" = ["updates:publish"])),
    params(("device_type" = DeviceType, Path, description = "The devices that it is for"),
        ("distribution" = Distribution, Path, description = "Their ring"),
        ("version" = ReleaseVersion, Path, description = "Its version")),
    responses((status = 204, description = "It is deleted"), (status = 404, description = "There is none"),
        (status = 409, description = "It is in use")))]
async fn delete(
    State(state): State<ApiState>,
    operator: Operator<PublishReleases>,
    Named(name): Named<ReleaseName>,
) -> Answer<StatusCode> {
    state.service.delete_release(&operator.actor(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
