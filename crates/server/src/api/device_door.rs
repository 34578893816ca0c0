//! The devices' door: enrol, and the one request of a poll.

use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::{Extension, Json};
use belay_protocol::MAX_LINES;
use belay_protocol::enrol::{EnrolRequest, EnrolResponse};
use belay_protocol::sync::{MAX_REPORTS, Profile, Report, SyncRequest, SyncResponse};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{Answer, Refusal};
use super::extract::{LongestBody, Message, SECRET, Secret};
use super::operator::{bearer, no_token};
use super::text::tidy;

/// The door, where a body has at most `longest` bytes; of what a stranger sends, less is read.
pub(super) fn routes(longest: u64) -> OpenApiRouter<ApiState> {
    let of_strangers = longest.min(LONGEST_ENROLMENT);
    OpenApiRouter::new()
        .routes(routes!(enrol))
        .layer(DefaultBodyLimit::max(usize::try_from(of_strangers).unwrap_or(usize::MAX)))
        .layer(Extension(LongestBody(of_strangers)))
        .routes(routes!(sync))
}

/// The key of a device that may speak. It is known from the headers alone: nothing of a stranger's body is read.
#[derive(Debug)]
struct DeviceKey(String);

impl FromRequestParts<ApiState> for DeviceKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refusal> {
        let key = bearer(&parts.headers).ok_or_else(|| no_token("the device's key"))?;
        state.service.knows(key).await?;
        Ok(Self(key.to_owned()))
    }
}

/// Makes a device known: by token, for approval, or openly, as the server is set up. The same enrolment again gets the
/// same device and a new key, until the device has synced with its key.
#[utoipa::path(post, path = "/api/v1/enrol", tag = "device door", request_body = EnrolRequest,
    responses((status = 200, description = "The device's name and key, shown this once", body = EnrolResponse),
        (status = 401, description = "A token is needed, or this one is not good"),
        (status = 403, description = "This device may not enrol, or its enrolment was used already"),
        (status = 409, description = "Its machine is known already, as a device that is not let in"),
        (status = 429, description = "Too many wait to be let in")))]
async fn enrol(
    State(state): State<ApiState>,
    Message(mut request): Message<EnrolRequest>,
) -> Answer<(Secret, Json<EnrolResponse>)> {
    check_word(&request.enrolment, "enrolment", 1)?;
    check_word(&request.identity, "identity", 1)?;
    if let Some(token) = &request.token {
        check_word(token, "token", 0)?;
    }
    tidy_profile(&mut request.profile);
    Ok((SECRET, Json(state.service.enrol(request).await?)))
}

/// One poll of a device: what it did and what is installed, against what it is to do and when to come again. Reports are
/// durable before they are acknowledged. Unknown fields are ignored.
#[utoipa::path(post, path = "/api/v1/sync", tag = "device door", request_body = SyncRequest, security(("device" = [])),
    responses((status = 200, description = "What there is to do", body = SyncResponse),
        (status = 429, description = "Too much at once")))]
async fn sync(
    State(state): State<ApiState>,
    DeviceKey(key): DeviceKey,
    Message(mut request): Message<SyncRequest>,
) -> Answer<Json<SyncResponse>> {
    check_sync(&mut request)?;
    Ok(Json(state.service.sync(&key, request).await?))
}

/// Refuses what names things and cannot be stored; what merely tells something is made to fit, so that no odd byte in a
/// program's output keeps a device's reports from the server for ever.
fn check_sync(request: &mut SyncRequest) -> Result<(), Refusal> {
    check_word(&request.tag, "tag", 0)?;
    check_word(&request.outbox, "outbox", 0)?;
    if request.reports.len() > MAX_REPORTS {
        let sentence = format!("one request carries at most {MAX_REPORTS} reports, this one {}", request.reports.len());
        return Err(Refusal::of_field("reports", sentence));
    }
    if let Some(profile) = &mut request.profile {
        tidy_profile(profile);
    }
    request.reports.iter_mut().enumerate().try_for_each(|(at, report)| check_report(at, report))
}

fn check_report(at: usize, report: &mut Report) -> Result<(), Refusal> {
    if report.seq == 0 || i64::try_from(report.seq).is_err() {
        return Err(Refusal::of_field(
            format!("reports[{at}].seq"),
            "reports are numbered from 1 to 9223372036854775807",
        ));
    }
    if let Some(reason) = &mut report.reason {
        tidy(reason, LONGEST_WORD);
    }
    tidy(&mut report.message, LONGEST_MESSAGE);
    // Nobody could install it: a release has no more lines than this.
    report.closure.take_if(|closure| closure.packages.len() > MAX_LINES || closure.removed.len() > MAX_LINES);
    Ok(())
}

fn tidy_profile(profile: &mut Profile) {
    let facts = &mut profile.facts;
    for text in [&mut facts.hostname, &mut facts.architecture, &mut facts.os, &mut facts.agent, &mut facts.hardware] {
        tidy(text, LONGEST_FACT);
    }
    facts.capabilities.retain(|word| check_word(word, "", 1).is_ok());
    while facts.capabilities.len() > MOST_CAPABILITIES {
        facts.capabilities.pop_last();
    }
    profile.installed.drift.truncate(MOST_DRIFT);
    profile.installed.drift.iter_mut().for_each(|sentence| tidy(sentence, LONGEST_MESSAGE));
}

fn check_word(text: &str, name: &str, shortest: usize) -> Result<(), Refusal> {
    if (shortest..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Refusal::of_field(name, format!("{shortest} to {LONGEST_WORD} visible ASCII characters without a space")))
}

/// Bytes of an enrolment: far more than any agent's, and little enough to read from whoever comes.
const LONGEST_ENROLMENT: u64 = 64 * 1024;
const LONGEST_WORD: usize = 128;
const LONGEST_FACT: usize = 200;
const LONGEST_MESSAGE: usize = 4_000;
const MOST_CAPABILITIES: usize = 64;
const MOST_DRIFT: usize = 20;

#[cfg(test)]
mod tests;
