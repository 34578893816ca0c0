//! The doors that speak HTTP: devices, operators, and whoever watches the server. A door only translates.
//!
//! Each file beside this one is one family of routes. `router` joins them with what they share: who may ask (`operator`),
//! how requests are read (`extract`, `text`), how refusals look (`error`), and the document that describes it all (`openapi`).

mod access;
pub mod artifacts;
mod channels;
mod deployments;
mod device_door;
mod devices;
mod error;
mod extract;
mod openapi;
mod operator;
mod releases;
mod text;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

use self::error::Refusal;
use self::operator::{Fetcher, Operator, PublishReleases};
use crate::artifacts::Artifacts;
use crate::serve::Connections;
use crate::service::Service;
use crate::telemetry::metrics::Metrics;

/// What every door needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub(crate) service: Service,
    pub(crate) metrics: Arc<Metrics>,
    artifacts: Artifacts,
    sizes: Sizes,
}

impl ApiState {
    /// The doors to this server and its artifacts, and its figures.
    pub fn new(service: Service, artifacts: Artifacts, sizes: Sizes) -> Self {
        let service = service.keeping(artifacts.clone());
        Self { metrics: Arc::new(Metrics::new(service.clone())), service, artifacts, sizes }
    }
}

impl ApiState {
    /// Where connections are to be counted, so that the figures tell of them.
    pub fn connections(&self) -> Connections {
        self.metrics.connections().clone()
    }
}

/// How much a request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of a body that is no artifact.
    pub body: u64,
    /// Bytes of an artifact.
    pub artifact: u64,
}

/// Everything that the server answers.
pub fn router(state: ApiState) -> Router {
    let (router, document) = routes(&state).split_for_parts();
    let document = openapi::finish(document);
    let longest_body = usize::try_from(state.sizes.body).unwrap_or(usize::MAX);
    router
        .merge(openapi::router(&document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .layer(DefaultBodyLimit::max(longest_body))
        .with_state(state)
}

fn routes(state: &ApiState) -> OpenApiRouter<ApiState> {
    let (service, artifacts, limit) = (&state.service, &state.artifacts, state.sizes.artifact);
    let may_publish = middleware::from_extractor_with_state::<Operator<PublishReleases>, _>(state.clone());
    let may_fetch = middleware::from_extractor_with_state::<Fetcher, _>(state.clone());
    OpenApiRouter::with_openapi(openapi::base())
        .merge(device_door::routes(state.sizes.body))
        .merge(access::routes())
        .merge(devices::routes())
        .merge(releases::routes())
        .merge(channels::routes())
        .merge(deployments::routes())
        .merge(watch::routes())
        .merge(artifacts::assembly_routes())
        .merge(artifacts::upload_routes(service.clone(), limit).route_layer(may_publish))
        .merge(artifacts::download_routes(artifacts.clone()).route_layer(may_fetch))
}

async fn no_such_path(uri: Uri) -> Refusal {
    let sentence = format!("there is nothing at {:?}; GET /api/v1/openapi.json lists what there is", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "no_such_path", sentence)
}

async fn no_such_method(method: Method) -> Refusal {
    let sentence = format!("{method} means nothing here; the header Allow lists what does");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", sentence)
}

async fn count(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    state.metrics.request(path.as_ref().map_or("none", MatchedPath::as_str), response.status().as_u16());
    response
}
