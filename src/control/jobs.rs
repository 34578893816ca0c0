//! The routes that make jobs: update, plan, rollback.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{HeaderName, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use belay_protocol::PackageList;
use belay_protocol::job::{Door, Job, Request};

use crate::daemon::handle::Admitted;

use super::body::{self, Format, Posted};
use super::errors::Refusal;
use super::legacy::{self, Asked};
use super::state::ControlState;
use super::{query, wait};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a native caller wants to wait for the job's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Not at all.
    None,
    /// To the end.
    Endless,
    /// This long.
    For(Duration),
}

pub(super) async fn update(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Refusal> {
    let update = body::update(posted.media_type.as_deref(), &posted.bytes)?;
    if door == Door::Legacy && update.format == Format::Native {
        return Err(Refusal::TokenMissing);
    }
    let native = match update.format {
        Format::Native => true,
        Format::List => door != Door::Legacy,
        Format::Controller | Format::Base64 => false,
    };
    let request =
        Request::Update { packages: update.packages, dry_run: update.dry_run, approve: update.approve, release: None };
    if native {
        let patience = if update.dry_run { Patience::Endless } else { patience(&headers) };
        return submit(&control, request, door, update.idempotency_key, patience).await;
    }
    // The controller sends an empty file for every device but the first where several are selected.
    if matches!(&request, Request::Update { packages, .. } if packages.is_empty()) {
        return Ok(legacy::done(Asked::Update));
    }
    legacy_submit(&control, request, door, Asked::Update).await
}

pub(super) async fn post_plan(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let update = body::update(posted.media_type.as_deref(), &posted.bytes)?;
    let request = Request::Update { packages: update.packages, dry_run: true, approve: update.approve, release: None };
    submit(&control, request, door, update.idempotency_key, Patience::Endless).await
}

pub(super) async fn get_plan(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let packages: PackageList = query::packages(&uri)?;
    let request = Request::Update { packages, dry_run: true, approve: Vec::new(), release: None };
    submit(&control, request, door, None, Patience::Endless).await
}

pub(super) async fn post_rollback(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Refusal> {
    let asked = body::rollback(posted.media_type.as_deref(), &posted.bytes)?;
    let request = Request::Rollback { to: asked.to, approve: asked.approve, from: None };
    submit(&control, request, door, asked.idempotency_key, patience(&headers)).await
}

pub(super) async fn get_rollback(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let request = Request::Rollback { to: query::to(&uri)?, approve: Vec::new(), from: None };
    legacy_submit(&control, request, door, Asked::Rollback).await
}

async fn legacy_submit(
    control: &ControlState,
    request: Request,
    door: Door,
    asked: Asked,
) -> Result<Response, Refusal> {
    let mut view = control.handle.view();
    let Admitted { job, .. } = control.handle.request(request, door, None).await?;
    legacy::answer(asked, wait::ended(&mut view, job).await?)
}

async fn submit(
    control: &ControlState,
    request: Request,
    door: Door,
    key: Option<String>,
    patience: Patience,
) -> Result<Response, Refusal> {
    let mut view = control.handle.view();
    let Admitted { job: id, .. } = control.handle.request(request, door, key).await?;
    let job = match patience {
        Patience::None => wait::seen(&mut view, id).await?,
        Patience::Endless => wait::ended(&mut view, id).await?,
        Patience::For(time) => match tokio::time::timeout(time, wait::ended(&mut view, id)).await {
            Ok(ended) => ended?,
            Err(_) => wait::seen(&mut view, id).await?,
        },
    };
    Ok(answer(&job, patience))
}

/// 200 for a job that is over, 202 for one that goes on.
fn answer(job: &Job, patience: Patience) -> Response {
    let status = if job.state.is_end() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, [(LOCATION, format!("/jobs/{}", job.id))], Json(job)).into_response();
    if patience != Patience::None && job.state.is_end() {
        response.headers_mut().insert(PREFERENCE_APPLIED, axum::http::HeaderValue::from_static("wait"));
    }
    response
}

/// Reads `Prefer: wait`, or `wait=SECONDS` of RFC 7240. Preferences that are not understood are ignored, as it asks.
fn patience(headers: &HeaderMap) -> Patience {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    let wait = words.find_map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').to_owned())
    });
    match wait.as_deref() {
        None => Patience::None,
        Some("") => Patience::Endless,
        Some(seconds) => seconds.parse().map_or(Patience::None, |seconds| Patience::For(Duration::from_secs(seconds))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_to_wait_is_read_among_others() {
        let read = |text: &str| patience(&HeaderMap::from_iter([(PREFER, text.parse().unwrap())]));
        assert_eq!(read("wait"), Patience::Endless);
        assert_eq!(read("return=minimal, WAIT"), Patience::Endless);
        assert_eq!(read("respond-async, wait=10"), Patience::For(Duration::from_secs(10)));
        assert_eq!(read("wait=\"10\""), Patience::For(Duration::from_secs(10)));
        assert_eq!(read("wait=soon"), Patience::None);
        assert_eq!(read("respond-async"), Patience::None);
        assert_eq!(patience(&HeaderMap::new()), Patience::None);
    }
}
