//! Refusals that are no door's own, in the shape of every other refusal.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use belay_protocol::admin::ApiError;

/// A refusal: its stable code, and the sentence that says what to do.
pub fn refusal(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    let body = ApiError { error: code.to_owned(), message: message.into(), field: None };
    (status, Json(body)).into_response()
}
