//! Devices and the fleet: shown, let in, shut out, changed, taken back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use belay_protocol::DeviceId;
use belay_protocol::admin::{DeploymentView, DeviceView, FleetSummary, Page, ReportView, UpdateDevice};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::PageQuery;
use super::error::Answer;
use super::extract::{Asked, Named, Order, first_page, page_of, usual_page_size};
use super::operator::{ManageFleet, Operator, ViewFleet};
use crate::service::DeviceQuery;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(devices))
        .routes(routes!(device, update, delete))
        .routes(routes!(approve))
        .routes(routes!(revoke))
        .routes(routes!(roll_back))
        .routes(routes!(reports))
        .routes(routes!(fleet))
}

/// Which devices. What is empty asks for nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DevicesQuery {
    /// Of this type.
    #[serde(default)]
    device_type: String,
    /// Of this ring.
    #[serde(default)]
    distribution: String,
    /// `pending`, `authorized`, `quarantined` or `revoked`.
    #[serde(default)]
    state: String,
    /// `UP_TO_DATE`, `OUTDATED`, `IN_PROGRESS`, `FAILED` or `UNKNOWN`.
    #[serde(default)]
    fleet_state: String,
    /// With this tag.
    #[serde(default)]
    tag: String,
    /// With this in the name, the host name or a tag.
    #[serde(default)]
    search: String,
    /// The page's number, counted from 1.
    #[serde(default = "first_page")]
    #[param(minimum = 1, default = 1)]
    page: u32,
    /// How many things a page has at most, 1 to 500.
    #[serde(default = "usual_page_size")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    page_size: u32,
}

/// Lists devices.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", security(("operator" = ["fleet:view"])),
    params(DevicesQuery), responses((status = 200, description = "A page of devices", body = Page<DeviceView>)))]
async fn devices(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Asked(asked): Asked<DevicesQuery>,
) -> Answer<Json<Page<DeviceView>>> {
    let page = page_of(asked.page, asked.page_size)?;
    let query = DeviceQuery {
        device_type: asked.device_type,
        distribution: asked.distribution,
        state: asked.state,
        fleet_state: asked.fleet_state,
        tag: asked.tag,
        search: asked.search,
    };
    Ok(Json(state.service.devices(query, page).await?))
}

/// Shows a device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", security(("operator" = ["fleet:view"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The device", body = DeviceView),
        (status = 404, description = "There is none")))]
async fn device(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Named(id): Named<DeviceId>,
) -> Answer<Json<DeviceView>> {
    Ok(Json(state.service.device(&id).await?))
}

/// Changes a device's ring, type or tags. What is absent stays.
#[utoipa::path(patch, path = "/api/v1/devices/{id}", tag = "devices", security(("operator" = ["fleet:manage"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")), request_body = UpdateDevice,
    responses((status = 200, description = "The device as it is now", body = DeviceView),
        (status = 404, description = "There is none"),
        (status = 409, description = "Somebody else changed it in the meantime")))]
async fn update(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeviceId>,
    Order(change): Order<UpdateDevice>,
) -> Answer<Json<DeviceView>> {
    Ok(Json(state.service.update_device(&operator.actor(), &id, change).await?))
}

/// Forgets a device, with its parts in deployments; its reports stay as history.
#[utoipa::path(delete, path = "/api/v1/devices/{id}", tag = "devices", security(("operator" = ["fleet:manage"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")),
    responses((status = 204, description = "It is forgotten"), (status = 404, description = "There is none"),
        (status = 409, description = "Somebody else changed it in the meantime")))]
async fn delete(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeviceId>,
) -> Answer<StatusCode> {
    state.service.delete_device(&operator.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a pending or quarantined device in.
#[utoipa::path(post, path = "/api/v1/devices/{id}/approve", tag = "devices", security(("operator" = ["fleet:manage"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The device as it is now", body = DeviceView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn approve(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeviceId>,
) -> Answer<Json<DeviceView>> {
    Ok(Json(state.service.approve_device(&operator.actor(), &id).await?))
}

/// Shuts a device out: its key means nothing from now on.
#[utoipa::path(post, path = "/api/v1/devices/{id}/revoke", tag = "devices", security(("operator" = ["fleet:manage"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The device as it is now", body = DeviceView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn revoke(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeviceId>,
) -> Answer<Json<DeviceView>> {
    Ok(Json(state.service.revoke_device(&operator.actor(), &id).await?))
}

/// Takes one device back one generation, by a deployment of its own.
#[utoipa::path(post, path = "/api/v1/devices/{id}/rollback", tag = "devices", security(("operator" = ["fleet:manage"])),
    params(("id" = DeviceId, Path, description = "Its name on this server")),
    responses((status = 201, description = "The deployment that does it", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It cannot go back, or is not in a state for this")))]
async fn roll_back(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeviceId>,
) -> Answer<(StatusCode, Json<DeploymentView>)> {
    let deployment = state.service.roll_back_device(&operator.actor(), &id).await?;
    Ok((StatusCode::CREATED, Json(deployment)))
}

/// Lists what a device reported, newest first.
#[utoipa::path(get, path = "/api/v1/devices/{id}/reports", tag = "devices", security(("operator" = ["fleet:view"])),
    params(("id" = DeviceId, Path, description = "Its name on this server"), PageQuery),
    responses((status = 200, description = "A page of reports", body = Page<ReportView>),
        (status = 404, description = "There is no such device")))]
async fn reports(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Named(id): Named<DeviceId>,
    Asked(query): Asked<PageQuery>,
) -> Answer<Json<Page<ReportView>>> {
    Ok(Json(state.service.device_reports(&id, query.page_of()?).await?))
}

/// Says how the fleet stands.
#[utoipa::path(get, path = "/api/v1/fleet", tag = "devices", security(("operator" = ["fleet:view"])),
    responses((status = 200, description = "Counts, and compliance by type and ring", body = FleetSummary)))]
async fn fleet(State(state): State<ApiState>, _: Operator<ViewFleet>) -> Answer<Json<FleetSummary>> {
    Ok(Json(state.service.fleet().await?))
}
