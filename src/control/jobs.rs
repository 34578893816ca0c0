//! The routes that make jobs: update, plan, rollback.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{HeaderName, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use belay_protocol::PackageList;
use belay_protocol::bundle::BundleSource;
use belay_protocol::job::{Door, Job, Request};

use crate::daemon::handle::Admitted;

use super::body::{self, Format, Posted};
use super::bundle::{self, Wanted};
use super::errors::Refusal;
use super::inspections::kept_bundles;
use super::legacy::{self, Asked};
use super::state::ControlState;
use super::{query, versions, wait};

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
    let (dry_run, key) = (update.dry_run, update.idempotency_key.clone());
    let request = request_of(&control, update).await?;
    if native {
        let patience = if dry_run { Patience::Endless } else { patience(&headers) };
        return Ok(answer(&submit(&control, request, door, key, patience).await?, patience));
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
    let update = body::Update { dry_run: true, ..body::update(posted.media_type.as_deref(), &posted.bytes)? };
    let key = update.idempotency_key.clone();
    let request = request_of(&control, update).await?;
    Ok(answer(&submit(&control, request, door, key, Patience::Endless).await?, Patience::Endless))
}

pub(super) async fn get_plan(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let packages: PackageList = query::packages(&uri)?;
    let request = Request::Update { packages, dry_run: true, approve: Vec::new(), release: None, bundle: None };
    Ok(answer(&submit(&control, request, door, None, Patience::Endless).await?, Patience::Endless))
}

pub(super) async fn post_rollback(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Refusal> {
    let asked = body::rollback(posted.media_type.as_deref(), &posted.bytes)?;
    let (key, patience) = (asked.idempotency_key, patience(&headers));
    let Some(version) = asked.to_version else {
        let request = Request::Rollback { to: asked.to, approve: asked.approve, from: None };
        return Ok(answer(&submit(&control, request, door, key, patience).await?, patience));
    };
    let request = versions::request(&control, &version, asked.approve).await?;
    let mut job = submit(&control, request, door, key, patience).await?;
    if !job.request.is_rollback() {
        job.message = versions::explained(&version, &job.message);
    }
    Ok(answer(&job, patience))
}

pub(super) async fn get_rollback(
    State(control): State<ControlState>,
    Extension(door): Extension<Door>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let request = Request::Rollback { to: query::to(&uri)?, approve: Vec::new(), from: None };
    legacy_submit(&control, request, door, Asked::Rollback).await
}

/// What an update that was posted asks for. Only archives that are on the device can be looked up.
async fn request_of(control: &ControlState, update: body::Update) -> Result<Request, Refusal> {
    let body::Update { packages, bundle, dry_run, approve, .. } = update;
    let bundle = match bundle {
        None => None,
        Some(Wanted::Ordered(mut order)) => {
            if order.source == BundleSource::Upload {
                let size = control.uploads.size_of(order.sha256);
                let unknown =
                    || Refusal::UnknownBundle(format!("archive {} that waits; PUT /bundles first", order.sha256));
                order.size = order.size.or(Some(size.ok_or_else(unknown)?));
            }
            Some(order)
        }
        Some(Wanted::Kept(version)) => {
            let kept = kept_bundles(control).await?.bundles;
            let unknown = || Refusal::UnknownBundle(format!("kept bundle of version {version}"));
            Some(Box::new(bundle::kept(&kept, &version).ok_or_else(unknown)?))
        }
    };
    Ok(Request::Update { packages, dry_run, approve, release: None, bundle })
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
) -> Result<Job, Refusal> {
    let mut view = control.handle.view();
    let Admitted { job: id, .. } = control.handle.request(request, door, key).await?;
    match patience {
        Patience::None => wait::seen(&mut view, id).await,
        Patience::Endless => wait::ended(&mut view, id).await,
        Patience::For(time) => match tokio::time::timeout(time, wait::ended(&mut view, id)).await {
            Ok(ended) => ended,
            Err(_) => wait::seen(&mut view, id).await,
        },
    }
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
