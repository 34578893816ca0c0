//! Refusals, one by one.

use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::{Refusal, shorten};
use crate::service::{Kind, ServiceError};

#[test]
fn every_kind_of_refusal_has_its_status() {
    let statuses = [
        (Kind::BadRequest, 400),
        (Kind::Unauthorized, 401),
        (Kind::Forbidden, 403),
        (Kind::NotFound, 404),
        (Kind::Conflict, 409),
        (Kind::TooLarge, 413),
        (Kind::Unprocessable, 422),
        (Kind::TooMany, 429),
        (Kind::Unavailable, 503),
        (Kind::Internal, 500),
    ];
    for (kind, status) in statuses {
        let response = Refusal::from(ServiceError::new(kind, "code", "sentence")).into_response();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
    }
}

#[test]
fn a_failure_of_the_server_tells_nothing_of_itself() {
    let refusal = Refusal::from(ServiceError::new(Kind::Internal, "store", "no such table: devices"));
    assert_eq!(refusal.body.error, "internal");
    assert!(!refusal.body.message.contains("devices"), "{}", refusal.body.message);
}

#[test]
fn who_is_not_known_is_told_how_to_say_who_asks() {
    let response = Refusal::new(StatusCode::UNAUTHORIZED, "bad_token", "no").into_response();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let response = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "no").into_response();
    assert_eq!(response.headers()["retry-after"], "10");
}

#[test]
fn a_refusal_is_cut_between_letters() {
    let mut text = "aé".repeat(3);
    shorten(&mut text, 5);
    assert_eq!(text, "aéa…");
    shorten(&mut text, 20);
    assert_eq!(text, "aéa…");
}
