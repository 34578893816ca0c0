//! For whoever watches the server: is it alive, can it work, its figures. Open to everybody, for there is no name in it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{Answer, Refusal};
use crate::telemetry::metrics;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(figures))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
struct Condition {
    /// `ok`.
    status: &'static str,
}

/// Says that the process is there. It asks nobody.
#[utoipa::path(get, path = "/healthz", tag = "watch",
    responses((status = 200, description = "It is", body = Condition)))]
async fn alive() -> Json<Condition> {
    Json(Condition { status: "ok" })
}

/// Says whether requests can be answered: the database answers within two seconds.
#[utoipa::path(get, path = "/readyz", tag = "watch",
    responses((status = 200, description = "They can", body = Condition),
        (status = 503, description = "They cannot, for now")))]
async fn ready(State(state): State<ApiState>) -> Answer<Json<Condition>> {
    let not_ready = |sentence| Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", sentence));
    match tokio::time::timeout(PATIENCE, state.service.ready()).await {
        Ok(Ok(())) => Ok(Json(Condition { status: "ok" })),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            not_ready("the database does not answer; the server's log says why")
        }
        Err(_) => not_ready("the database does not answer in time; try again later"),
    }
}

/// Figures for Prometheus, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "watch",
    responses((status = 200, description = "The figures", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
async fn figures(State(state): State<ApiState>) -> Answer<impl IntoResponse> {
    match state.metrics.render().await {
        Ok(text) => Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)),
        Err(error) => {
            tracing::error!(%error, "the figures cannot be written");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why"))
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(2);
