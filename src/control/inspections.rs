//! The routes that ask the host: restore points, kept bundles and verification. None of them changes a package.

use axum::Json;
use axum::extract::{Path, State};
use belay_protocol::local::{Bundles, Findings, Pruned, RestorePointView, RestorePoints};

use crate::machine::effect::{Inspected, Inspection};

use super::body::{self, Posted};
use super::errors::Refusal;
use super::state::ControlState;

pub(super) async fn list(State(control): State<ControlState>) -> Result<Json<RestorePoints>, Refusal> {
    Ok(Json(RestorePoints { restore_points: restore_points(&control).await? }))
}

pub(super) async fn show(
    State(control): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Json<RestorePointView>, Refusal> {
    find(&control, &id).await.map(Json)
}

pub(super) async fn verify_one(
    State(control): State<ControlState>,
    Path(id): Path<String>,
    _: Posted,
) -> Result<Json<Findings>, Refusal> {
    let id = find(&control, &id).await?.id;
    findings(&control, Inspection::VerifyRestorePoint { id }).await
}

pub(super) async fn verify(State(control): State<ControlState>) -> Result<Json<Findings>, Refusal> {
    findings(&control, Inspection::VerifyDevice).await
}

pub(super) async fn prune(State(control): State<ControlState>, posted: Posted) -> Result<Json<Pruned>, Refusal> {
    let keep = body::prune(posted.media_type.as_deref(), &posted.bytes)?.keep;
    match control.handle.inspect(Inspection::Prune { keep }).await? {
        Inspected::Pruned { dropped, freed_bytes } => Ok(Json(Pruned { dropped, freed_bytes })),
        Inspected::RestorePoints(_) | Inspected::Findings(_) | Inspected::Measured(_) | Inspected::Bundles(_) => {
            Err(Refusal::Internal("an answer to another question"))
        }
    }
}

pub(super) async fn bundles(State(control): State<ControlState>) -> Result<Json<Bundles>, Refusal> {
    kept_bundles(&control).await.map(Json)
}

/// The bundles that the device kept.
pub(super) async fn kept_bundles(control: &ControlState) -> Result<Bundles, Refusal> {
    match control.handle.inspect(Inspection::Bundles).await? {
        Inspected::Bundles(bundles) => Ok(Bundles { bundles }),
        Inspected::RestorePoints(_) | Inspected::Findings(_) | Inspected::Measured(_) | Inspected::Pruned { .. } => {
            Err(Refusal::Internal("an answer to another question"))
        }
    }
}

async fn find(control: &ControlState, id: &str) -> Result<RestorePointView, Refusal> {
    let unknown = || Refusal::UnknownRestorePoint(id.to_owned());
    let number: u64 = id.parse().map_err(|_| unknown())?;
    restore_points(control).await?.into_iter().find(|point| point.id == number).ok_or_else(unknown)
}

async fn restore_points(control: &ControlState) -> Result<Vec<RestorePointView>, Refusal> {
    match control.handle.inspect(Inspection::RestorePoints).await? {
        Inspected::RestorePoints(points) => Ok(points),
        Inspected::Findings(_) | Inspected::Measured(_) | Inspected::Bundles(_) | Inspected::Pruned { .. } => {
            Err(Refusal::Internal("an answer to another question"))
        }
    }
}

async fn findings(control: &ControlState, inspection: Inspection) -> Result<Json<Findings>, Refusal> {
    match control.handle.inspect(inspection).await? {
        Inspected::Findings(findings) => Ok(Json(Findings { findings })),
        Inspected::RestorePoints(_) | Inspected::Measured(_) | Inspected::Bundles(_) | Inspected::Pruned { .. } => {
            Err(Refusal::Internal("an answer to another question"))
        }
    }
}
