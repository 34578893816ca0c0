//! Channels: standing rules.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use belay_protocol::admin::{ChannelView, CreateChannel, Page, UpdateChannel};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::Answer;
use super::extract::{Asked, Named, Order, page_of};
use super::operator::{EditChannels, Operator, ViewChannels};
use super::releases::RingQuery;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(channels, create)).routes(routes!(channel, update, delete))
}

/// Lists channels.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels", security(("operator" = ["fleet:view"])),
    params(RingQuery), responses((status = 200, description = "A page of channels", body = Page<ChannelView>)))]
async fn channels(
    State(state): State<ApiState>,
    _: Operator<ViewChannels>,
    Asked(query): Asked<RingQuery>,
) -> Answer<Json<Page<ChannelView>>> {
    let page = page_of(query.page, query.page_size)?;
    Ok(Json(state.service.channels(&query.device_type, &query.distribution, page).await?))
}

/// Makes a channel; an active one is in force at once.
#[utoipa::path(post, path = "/api/v1/channels", tag = "channels", security(("operator" = ["channels:edit"])),
    request_body = CreateChannel,
    responses((status = 201, description = "The channel", body = ChannelView),
        (status = 404, description = "There is no such release"),
        (status = 409, description = "There is one of this name")))]
async fn create(
    State(state): State<ApiState>,
    operator: Operator<EditChannels>,
    Order(channel): Order<CreateChannel>,
) -> Answer<(StatusCode, Json<ChannelView>)> {
    let channel = state.service.create_channel(&operator.actor(), channel).await?;
    Ok((StatusCode::CREATED, Json(channel)))
}

/// Shows a channel.
#[utoipa::path(get, path = "/api/v1/channels/{id}", tag = "channels", security(("operator" = ["fleet:view"])),
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The channel", body = ChannelView),
        (status = 404, description = "There is none")))]
async fn channel(
    State(state): State<ApiState>,
    _: Operator<ViewChannels>,
    Named(id): Named<i64>,
) -> Answer<Json<ChannelView>> {
    Ok(Json(state.service.channel(id).await?))
}

/// Changes a channel's target or switches it. What is absent stays.
#[utoipa::path(patch, path = "/api/v1/channels/{id}", tag = "channels", security(("operator" = ["channels:edit"])),
    params(("id" = i64, Path, description = "Its number")), request_body = UpdateChannel,
    responses((status = 200, description = "The channel as it is now", body = ChannelView),
        (status = 404, description = "There is none, or no such release"),
        (status = 409, description = "Somebody else changed it in the meantime")))]
async fn update(
    State(state): State<ApiState>,
    operator: Operator<EditChannels>,
    Named(id): Named<i64>,
    Order(change): Order<UpdateChannel>,
) -> Answer<Json<ChannelView>> {
    Ok(Json(state.service.update_channel(&operator.actor(), id, change).await?))
}

/// Deletes a channel; its standing deployment is cancelled.
#[utoipa::path(delete, path = "/api/v1/channels/{id}", tag = "channels", security(("operator" = ["channels:edit"])),
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "It is deleted"), (status = 404, description = "There is none"),
        (status = 409, description = "Somebody else changed it in the meantime")))]
async fn delete(
    State(state): State<ApiState>,
    operator: Operator<EditChannels>,
    Named(id): Named<i64>,
) -> Answer<StatusCode> {
    state.service.delete_channel(&operator.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
