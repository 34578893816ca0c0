//! The route that makes this device known to a server.

use axum::Json;
use axum::extract::State;
use belay_protocol::local::ServerLink;

use super::body::{self, Posted};
use super::errors::Refusal;
use super::state::ControlState;

pub(super) async fn enrol(State(control): State<ControlState>, posted: Posted) -> Result<Json<ServerLink>, Refusal> {
    let request = body::enrol(posted.media_type.as_deref(), &posted.bytes)?;
    Ok(Json(control.handle.enrol(request).await?))
}
