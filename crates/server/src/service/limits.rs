//! How long what strangers and devices say of themselves may be.
//!
//! Enrolment refuses what is too long. A sync cuts it: a device cannot help what it measured, and one that is refused
//! would send the same for ever and never get rid of its reports.

use belay_protocol::enrol::EnrolRequest;
use belay_protocol::sync::{Facts, Installed, Profile, Report, SyncRequest};

use super::ServiceError;

/// Refuses an enrolment that is too long or cannot be stored.
pub(super) fn check_enrolment(request: &EnrolRequest) -> Result<(), ServiceError> {
    word("enrolment", &request.enrolment, 16, WORD)?;
    word("identity", &request.identity, 1, WORD)?;
    let facts = &request.profile.facts;
    let texts = [
        ("profile.facts.hostname", &facts.hostname),
        ("profile.facts.architecture", &facts.architecture),
        ("profile.facts.os", &facts.os),
        ("profile.facts.agent", &facts.agent),
        ("profile.facts.hardware", &facts.hardware),
        ("profile.facts.device_key", &facts.device_key),
    ];
    for (field, value) in texts {
        if value.chars().count() > TEXT || value.chars().any(char::is_control) {
            let rule = format!("at most {TEXT} characters and no control characters are taken");
            return Err(ServiceError::of_field(field, "invalid_text", rule));
        }
    }
    if facts.capabilities.len() > WORDS || facts.capabilities.iter().any(|word| word.len() > WORD) {
        let rule = format!("at most {WORDS} words of at most {WORD} characters are taken");
        return Err(ServiceError::of_field("profile.facts.capabilities", "too_long", rule));
    }
    let drift = &request.profile.installed.drift;
    if drift.len() > DRIFT || drift.iter().any(|sentence| sentence.chars().count() > SENTENCE) {
        let rule = format!("at most {DRIFT} sentences of at most {SENTENCE} characters are taken");
        return Err(ServiceError::of_field("profile.installed.drift", "too_long", rule));
    }
    Ok(())
}

/// Refuses what no agent sends, and cuts what one may send too much of.
pub(super) fn fit_sync(mut request: SyncRequest) -> Result<SyncRequest, ServiceError> {
    word("tag", &request.tag, 0, WORD)?;
    word("outbox", &request.outbox, 0, WORD)?;
    request.profile = request.profile.map(fit_profile);
    request.reports.sort_by_key(|report| report.seq);
    request.reports.truncate(belay_protocol::sync::MAX_REPORTS);
    for report in &mut request.reports {
        fit_report(report)?;
    }
    Ok(request)
}

fn fit_profile(profile: Profile) -> Profile {
    let Profile { installed, facts } = profile;
    Profile {
        installed: Installed {
            drift: installed.drift.iter().take(DRIFT).map(|sentence| cut(sentence, SENTENCE)).collect(),
            ..installed
        },
        facts: Facts {
            hostname: cut(&facts.hostname, TEXT),
            architecture: cut(&facts.architecture, TEXT),
            os: cut(&facts.os, TEXT),
            agent: cut(&facts.agent, TEXT),
            hardware: cut(&facts.hardware, TEXT),
            device_key: cut(&facts.device_key, TEXT),
            capabilities: facts.capabilities.iter().take(WORDS).map(|word| cut(word, WORD)).collect(),
        },
    }
}

fn fit_report(report: &mut Report) -> Result<(), ServiceError> {
    if report.seq == 0 || i64::try_from(report.seq).is_err() {
        let rule = "reports are numbered from 1 to 9223372036854775807";
        return Err(ServiceError::of_field("reports.seq", "invalid_number", rule));
    }
    if report.message.chars().count() > MESSAGE {
        report.message = cut(&report.message, MESSAGE);
    }
    report.reason = report.reason.take().map(|reason| cut(&reason, WORD));
    Ok(())
}

/// A text that devices make themselves and people never see.
fn word(field: &'static str, text: &str, shortest: usize, longest: usize) -> Result<(), ServiceError> {
    if (shortest..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let rule = format!("{shortest} to {longest} characters from ! to ~ are taken");
    Err(ServiceError::of_field(field, "invalid_text", rule))
}

/// The beginning of a text, without what a database cannot keep.
fn cut(text: &str, longest: usize) -> String {
    let plain = |character: char| if character.is_control() && character != '\n' { ' ' } else { character };
    text.chars().map(plain).take(longest).collect()
}

const WORD: usize = 128;
const WORDS: usize = 64;
const TEXT: usize = 255;
const DRIFT: usize = 20;
const SENTENCE: usize = 500;
const MESSAGE: usize = 4_000;

#[cfg(test)]
mod tests;
