//! What an answer means for what is being sent, and how long what failed is tried again.

use std::time::Duration;

use belay_protocol::admin::ApiError;

use crate::client::Reply;
use crate::error::CtlError;

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Done.
    Granted,
    /// The same may pass later: after that long, where the server says so.
    Again(CtlError, Option<Duration>),
    /// It will not pass.
    Refused(CtlError),
}

/// How long one thing is tried again, by what is waited in all: half a second first, then twice as long each time.
#[derive(Debug, Default)]
pub(super) struct Persistence {
    failures: u32,
    waited: Duration,
}

impl Persistence {
    /// How long to wait after one more failure; none where it is time to give up.
    pub(super) fn after_failure(&mut self, told: Option<Duration>) -> Option<Duration> {
        let own = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST);
        let wait = told.map_or(own, |told| told.max(own));
        let waited = self.waited.saturating_add(wait);
        if waited > PATIENCE {
            return None;
        }
        *self = Self { failures: self.failures + 1, waited };
        Some(wait)
    }

    /// Whether the next failure is the first since something went well.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Something went well, so what fails from now on has its own time.
    pub(super) fn went_well(&mut self) {
        *self = Self::default();
    }
}

/// Judges an answer, or that none came.
pub(super) fn judge(reply: Result<Reply, CtlError>) -> Verdict {
    let reply = match reply {
        Ok(reply) if reply.is_success() => return Verdict::Granted,
        Ok(reply) => reply,
        Err(error) => return Verdict::Again(error, None),
    };
    let code = reply.body::<ApiError>().map(|refusal| refusal.error).unwrap_or_default();
    let (status, after) = (reply.status, reply.retry_after);
    match (status, code.as_str()) {
        (408 | 429 | 500 | 502..=504, _) | (400, "upload_cut_off") => Verdict::Again(reply.refusal(), after),
        (413, "") => Verdict::Refused(proxy_refuses()),
        (_, _) => Verdict::Refused(reply.refusal()),
    }
}

/// Our server would have said it in its own words.
fn proxy_refuses() -> CtlError {
    let message = "what stands before the server takes no 8 MiB at once: raise its limit on bodies, such as nginx's \
                   client_max_body_size";
    CtlError::Refused(ApiError { error: "too_large".to_owned(), message: message.to_owned(), field: None })
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(16);
/// How long is waited in all before it is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
