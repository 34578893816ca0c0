//! The routes that show what the daemon's view holds. Translating the view is pure.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use belay_protocol::job::{Job, JobId};
use belay_protocol::local::{History, Status};
use serde_json::{Value, json};

use crate::daemon::handle::View;
use crate::remote::door::LinkView;
use crate::telemetry::metrics;

use super::errors::Refusal;
use super::state::ControlState;

pub(super) async fn status(State(control): State<ControlState>) -> Json<Status> {
    let status = status_of(&control.handle.view().borrow(), control.handle.server());
    Json(Status { hostname: control.hostname, ..status })
}

pub(super) async fn history(State(control): State<ControlState>) -> Json<History> {
    Json(history_of(&control.handle.view().borrow()))
}

pub(super) async fn job(State(control): State<ControlState>, Path(id): Path<String>) -> Result<Json<Job>, Refusal> {
    let id = job_id(&id)?;
    control.handle.view().borrow().state.job(id).cloned().map(Json).ok_or_else(|| id.into())
}

/// Whether the daemon's loop is there to answer.
pub(super) async fn healthz(State(control): State<ControlState>) -> Result<Json<Value>, Refusal> {
    control.handle.view().has_changed().map_err(|_| Refusal::stopping())?;
    Ok(Json(json!({ "status": "ok" })))
}

pub(super) async fn metrics(State(control): State<ControlState>) -> Result<Response, Refusal> {
    let text = control.metrics.render().map_err(|_| Refusal::Internal("figures that cannot be written"))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// A job's number as it stands in a path.
pub(super) fn job_id(text: &str) -> Result<JobId, Refusal> {
    text.parse().map(JobId).map_err(|_| Refusal::UnknownJob(text.to_owned()))
}

fn status_of(view: &View, server: LinkView) -> Status {
    let state = &view.state;
    let current = state.generations.iter().find(|generation| generation.current);
    let reachable = |wanted| state.generations.iter().any(|other| other.generation == wanted && other.reachable);
    Status {
        hostname: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: state.generation,
        previous: current.and_then(|current| current.parent).filter(|parent| reachable(*parent)),
        needs_attention: state.needs_attention(),
        job: state.running.as_ref().map(|running| running.job.clone()),
        progress: view.progress.clone(),
        queued: state.queued.as_ref().map(|job| job.id),
        last: state.ended.back().cloned(),
        warnings: [&view.warnings, &state.damage, &server.warnings]
            .into_iter()
            .flatten()
            .cloned()
            .chain(state.outbox.warning())
            .collect(),
        server: server.link,
    }
}

fn history_of(view: &View) -> History {
    let state = &view.state;
    let live = state.queued.iter().chain(state.running.iter().map(|running| &running.job));
    History { generations: state.generations.clone(), jobs: live.chain(state.ended.iter().rev()).cloned().collect() }
}
