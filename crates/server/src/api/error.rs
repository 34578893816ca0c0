//! The one shape of every refusal: a status, a stable code, a sentence, the field at fault.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use belay_protocol::admin::ApiError;

use super::text;
use crate::service::{Kind, ServiceError};

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: ApiError,
}

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: ApiError { error: code.to_owned(), message: message.into(), field: None } }
    }

    /// A field of the request that can be read and makes no sense.
    pub(crate) fn of_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut field = field.into();
        shorten(&mut field, FIELD);
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_field", message);
        refusal.body.field = Some(field).filter(|field| !field.is_empty());
        refusal
    }

    /// The same, naming the field at fault.
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.body.field = Some(field.to_owned());
        self
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let status = match error.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => {
                // Who asks learns nothing of how the server is made; who runs it finds it here, once.
                tracing::error!(error.code = error.code, "a request failed: {}", error.message);
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL);
            }
        };
        let mut refusal = Self::new(status, error.code, error.message);
        refusal.body.field = error.field.map(str::to_owned);
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        shorten(&mut self.body.message, SENTENCE);
        let mut response = (self.status, Json(self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

/// Cuts a text that repeats what was sent: an answer never grows with the request.
fn shorten(text: &mut String, longest: usize) {
    if text.len() > longest {
        text::cut(text, longest);
        text.push('…');
    }
}

const INTERNAL: &str = "the server failed; its log says why. Try again later";
const RETRY_AFTER_S: &str = "10";
const SENTENCE: usize = 1_000;
const FIELD: usize = 200;

#[cfg(test)]
mod tests;
