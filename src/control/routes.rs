//! Every route of the local API. docs/api.md describes them in the same order.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, SERVER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::access::admit;
use super::errors::Refusal;
use super::state::ControlState;
use super::{events, inspections, jobs, legacy, server, uploads, views};

/// The local API. Every connection must bring its [`Peer`](super::Peer) as an extension; `serve_socket` and
/// `serve_tcp` do.
pub fn router(state: ControlState) -> Router {
    let access = state.access.clone();
    Router::new()
        .route("/ping", get(async || legacy::json(legacy::PING)))
        .route("/update", post(jobs::update))
        .route("/plan", get_only(get(jobs::get_plan)).post(jobs::post_plan))
        .route("/rollback", get_only(get(jobs::get_rollback)).post(jobs::post_rollback))
        .route("/status", get(views::status))
        .route("/history", get(views::history))
        .route("/jobs/{id}", get(views::job))
        .route("/jobs/{id}/events", get_only(get(events::events)))
        .route("/verify", get_only(get(inspections::verify)))
        .route("/restore-points", get(inspections::list))
        .route("/restore-points/{id}", get(inspections::show))
        .route("/restore-points/{id}/verify", post(inspections::verify_one))
        .route("/restore-points/prune", post(inspections::prune))
        .route("/bundles", get(inspections::bundles).put(uploads::put))
        .route("/server/poll", post(server::poll))
        .route("/server/enrol", post(server::enrol))
        .route("/healthz", get(views::healthz))
        .route("/metrics", get(views::metrics))
        .fallback(async |uri: Uri| Refusal::UnknownRoute(uri.path().to_owned()))
        .method_not_allowed_fallback(other_method)
        .with_state(state)
        .layer(from_fn_with_state(access, admit))
        .layer(map_response(with_safe_headers))
}

/// Keeps HEAD from what a GET sets in motion; the router would run the GET and drop its body.
fn get_only(route: MethodRouter<ControlState>) -> MethodRouter<ControlState> {
    route.head(async || Refusal::MethodNotAllowed)
}

/// OPTIONS lists the methods in `Allow`, which the router adds; nothing is allowed across origins.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Refusal::MethodNotAllowed.into_response()
    }
}

async fn with_safe_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // By this a scan tells us from the old program, whose ping is the same. Strangers learn no version.
    headers.insert(SERVER, HeaderValue::from_static("belay-agent"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    response
}
