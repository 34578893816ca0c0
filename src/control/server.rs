//! The routes about the server: becoming known to it, and asking it now.

use axum::Json;
use axum::extract::State;
use belay_protocol::job::Door;
use belay_protocol::local::{Polled, ServerLink};

use super::body::{self, Posted};
use super::errors::Refusal;
use super::state::ControlState;

pub(super) async fn enrol(State(control): State<ControlState>, posted: Posted) -> Result<Json<ServerLink>, Refusal> {
    let request = body::enrol(posted.media_type.as_deref(), &posted.bytes)?;
    Ok(Json(control.handle.enrol(request).await?))
}

pub(super) async fn poll(State(control): State<ControlState>, posted: Posted) -> Result<Json<Polled>, Refusal> {
    body::nothing(posted.media_type.as_deref(), &posted.bytes)?;
    let polled = control.handle.poll().await?;
    let view = control.handle.view();
    let running = view.borrow().state.running.as_ref().map(|running| (running.job.door, running.job.id));
    Ok(Json(Polled { job: running.filter(|(door, _)| *door == Door::Server).map(|(_, id)| id), ..polled }))
}
