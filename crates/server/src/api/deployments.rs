//! Deployments: made, shown, steered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use belay_protocol::DeploymentId;
use belay_protocol::admin::{CreateDeployment, DecisionView, DeploymentView, DeviceProgress, Expand, Page, Preview};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::PageQuery;
use super::error::{Answer, Refusal};
use super::extract::{Asked, Named, OptionalOrder, Order, first_page, page_of, usual_page_size};
use super::operator::{ManageFleet, Operator, ViewFleet};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(deployments, create))
        .routes(routes!(preview))
        .routes(routes!(deployment, delete))
        .routes(routes!(devices))
        .routes(routes!(decisions))
        .routes(routes!(start))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(expand))
        .routes(routes!(retry))
        .routes(routes!(roll_back))
}

/// Which deployments, or which devices of one. What is empty asks for nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatusQuery {
    /// Only those that stand so: for deployments such as `in_progress`, for devices a bucket such as `failed`.
    #[serde(default)]
    status: String,
    /// The page's number, counted from 1.
    #[serde(default = "first_page")]
    #[param(minimum = 1, default = 1)]
    page: u32,
    /// How many things a page has at most, 1 to 500.
    #[serde(default = "usual_page_size")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    page_size: u32,
}

/// Lists deployments, newest first.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", security(("operator" = ["fleet:view"])),
    params(StatusQuery), responses((status = 200, description = "A page of deployments", body = Page<DeploymentView>)))]
async fn deployments(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Asked(query): Asked<StatusQuery>,
) -> Answer<Json<Page<DeploymentView>>> {
    let page = page_of(query.page, query.page_size)?;
    Ok(Json(state.service.deployments(&query.status, page).await?))
}

/// Makes a deployment with a part for every device that it selects; one that selects none is refused.
#[utoipa::path(post, path = "/api/v1/deployments", tag = "deployments", security(("operator" = ["fleet:manage"])),
    request_body = CreateDeployment,
    responses((status = 201, description = "The deployment", body = DeploymentView),
        (status = 404, description = "There is no such release"),
        (status = 409, description = "Somebody else changed something in the meantime")))]
async fn create(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Order(deployment): Order<CreateDeployment>,
) -> Answer<(StatusCode, Json<DeploymentView>)> {
    let deployment = state.service.create_deployment(&operator.actor(), deployment).await?;
    Ok((StatusCode::CREATED, Json(deployment)))
}

/// Says what a deployment would do; nothing is made.
#[utoipa::path(post, path = "/api/v1/deployments/preview", tag = "deployments",
    security(("operator" = ["fleet:view"])), request_body = CreateDeployment,
    responses((status = 200, description = "Whom it would reach", body = Preview),
        (status = 404, description = "There is no such release")))]
async fn preview(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Order(deployment): Order<CreateDeployment>,
) -> Answer<Json<Preview>> {
    Ok(Json(state.service.preview_deployment(deployment).await?))
}

/// Shows a deployment.
#[utoipa::path(get, path = "/api/v1/deployments/{id}", tag = "deployments", security(("operator" = ["fleet:view"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment", body = DeploymentView),
        (status = 404, description = "There is none")))]
async fn deployment(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.deployment(&id).await?))
}

/// Forgets a deployment that is over, with its devices' parts and its decisions; reports stay as history.
#[utoipa::path(delete, path = "/api/v1/deployments/{id}", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 204, description = "It is forgotten"), (status = 404, description = "There is none"),
        (status = 409, description = "It is not over")))]
async fn delete(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<StatusCode> {
    state.service.delete_deployment(&operator.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists a deployment's devices, in its order.
#[utoipa::path(get, path = "/api/v1/deployments/{id}/devices", tag = "deployments",
    security(("operator" = ["fleet:view"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server"), StatusQuery),
    responses((status = 200, description = "A page of devices", body = Page<DeviceProgress>),
        (status = 404, description = "There is no such deployment")))]
async fn devices(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Named(id): Named<DeploymentId>,
    Asked(query): Asked<StatusQuery>,
) -> Answer<Json<Page<DeviceProgress>>> {
    let page = page_of(query.page, query.page_size)?;
    Ok(Json(state.service.deployment_devices(&id, &query.status, page).await?))
}

/// Lists what the engine decided and on what, newest first.
#[utoipa::path(get, path = "/api/v1/deployments/{id}/decisions", tag = "deployments",
    security(("operator" = ["fleet:view"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server"), PageQuery),
    responses((status = 200, description = "A page of decisions", body = Page<DecisionView>),
        (status = 404, description = "There is no such deployment")))]
async fn decisions(
    State(state): State<ApiState>,
    _: Operator<ViewFleet>,
    Named(id): Named<DeploymentId>,
    Asked(query): Asked<PageQuery>,
) -> Answer<Json<Page<DecisionView>>> {
    Ok(Json(state.service.deployment_decisions(&id, query.page_of()?).await?))
}

/// Begins a deployment that waits.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/start", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn start(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.start_deployment(&operator.actor(), &id).await?))
}

/// Offers nothing more until it is resumed; devices at work go on.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/pause", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn pause(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.pause_deployment(&operator.actor(), &id).await?))
}

/// Goes on with a paused or halted deployment; what halted it is forgiven and does not count again.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/resume", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn resume(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.resume_deployment(&operator.actor(), &id).await?))
}

/// Ends a deployment; devices that have not begun to apply are told to drop it.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/cancel", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn cancel(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.cancel_deployment(&operator.actor(), &id).await?))
}

/// Offers it once more to all devices where it failed, went wrong or fell silent.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/retry", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn retry(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<Json<DeploymentView>> {
    Ok(Json(state.service.retry_deployment(&operator.actor(), &id).await?))
}

/// Opens further waves: everything that is left, where nothing is said.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/expand", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")), request_body = Option<Expand>,
    responses((status = 200, description = "The deployment as it is now", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is not in a state for this")))]
async fn expand(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
    OptionalOrder(expand): OptionalOrder<Expand>,
) -> Answer<Json<DeploymentView>> {
    if expand.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(Refusal::of_field("percent", "1 to 100 of a hundred devices"));
    }
    Ok(Json(state.service.expand_deployment(&operator.actor(), &id, expand).await?))
}

/// Ends a deployment and takes back every device that has the release, by a deployment of its own.
#[utoipa::path(post, path = "/api/v1/deployments/{id}/rollback", tag = "deployments",
    security(("operator" = ["fleet:manage"])),
    params(("id" = DeploymentId, Path, description = "Its name on this server")),
    responses((status = 201, description = "The deployment that takes the devices back", body = DeploymentView),
        (status = 404, description = "There is none"),
        (status = 409, description = "No device has the release, or none can go back")))]
async fn roll_back(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<DeploymentId>,
) -> Answer<(StatusCode, Json<DeploymentView>)> {
    let deployment = state.service.roll_back_deployment(&operator.actor(), &id).await?;
    Ok((StatusCode::CREATED, Json(deployment)))
}
