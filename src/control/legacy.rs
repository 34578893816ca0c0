//! What the old controller is answered: it asks without a job's number, waits, and looks at the status alone.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use belay_protocol::job::Job;

use super::errors::Refusal;

/// The members by which the old controller knows a device.
pub(super) const PING: &str = r#"{"status":"alive","device":"raspberry-pi"}"#;

const UPDATED: &str = r#"{"status":"Update completed"}"#;
const ROLLED_BACK: &str = r#"{"status":"Rollback completed"}"#;

/// What a waiting caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Update,
    Rollback,
}

/// A body as the old server wrote it, byte for byte.
pub(super) fn json(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// What was asked for is done.
pub(super) fn done(asked: Asked) -> Response {
    json(match asked {
        Asked::Update => UPDATED,
        Asked::Rollback => ROLLED_BACK,
    })
}

/// The answer to a caller who waited for `job`.
pub(super) fn answer(asked: Asked, job: Job) -> Result<Response, Refusal> {
    if has_what_it_asked(asked, &job) { Ok(done(asked)) } else { Err(Refusal::Ended(Box::new(job))) }
}

/// Whether the device is as the caller wanted it.
fn has_what_it_asked(asked: Asked, job: &Job) -> bool {
    match asked {
        Asked::Update => job.has_updated(),
        Asked::Rollback => job.has_gone_back(),
    }
}

#[cfg(test)]
mod tests {
    use belay_protocol::Reason;
    use belay_protocol::job::JobState;

    use super::*;
    use crate::control::tests::{job, rollback_of, update_of};

    #[test]
    fn an_update_is_done_when_it_was_committed() {
        for state in JobState::ALL {
            let ended = job(1, update_of("demo-app"), *state);
            assert_eq!(has_what_it_asked(Asked::Update, &ended), *state == JobState::Committed, "{state}");
        }
    }

    #[test]
    fn a_rollback_is_done_when_the_old_state_is_in_force() {
        let plain = |state| job(1, rollback_of(None), state);
        assert!(has_what_it_asked(Asked::Rollback, &plain(JobState::RolledBack)));
        assert!(has_what_it_asked(Asked::Rollback, &plain(JobState::Committed)));
        assert!(!has_what_it_asked(Asked::Rollback, &plain(JobState::Refused)));
        assert!(!has_what_it_asked(Asked::Rollback, &plain(JobState::NeedsAttention)));
        let failed = Job { reason: Some(Reason::UndoFailed), ..plain(JobState::RolledBack) };
        assert!(!has_what_it_asked(Asked::Rollback, &failed));
    }

    #[test]
    fn a_rollback_that_cancelled_an_update_is_done_when_that_changed_nothing() {
        let cancelled = |state| Job { reason: Some(Reason::Cancelled), ..job(1, update_of("demo-app"), state) };
        assert!(has_what_it_asked(Asked::Rollback, &cancelled(JobState::Refused)));
        assert!(has_what_it_asked(Asked::Rollback, &cancelled(JobState::RolledBack)));
        assert!(!has_what_it_asked(Asked::Rollback, &cancelled(JobState::Committed)));
        let other = Job { reason: Some(Reason::NoSpace), ..cancelled(JobState::Refused) };
        assert!(!has_what_it_asked(Asked::Rollback, &other));
    }
}
