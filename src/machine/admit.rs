//! Admission: accept, already, or deny with a reason. The reason is the body of the HTTP refusal.

use belay_protocol::job::{JobId, Request};
use belay_protocol::{Failure, Reason};

use super::input::Moment;
use super::policy;
use super::rules::Rules;
use super::state::{MAX_KEY_BYTES, Running, State, Step};

/// How the keys of a server's assignments begin: nobody on the device can take one before it comes.
pub(super) const SERVER_KEYS: &str = "server:";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It becomes a job at once.
    Accept,
    /// It becomes a job when the running one has ended; a rollback that waited before is replaced.
    Queue,
    /// It is the same request as that job, by its key.
    Already(JobId),
    /// It cancels that job, which has not changed anything yet, or is taken back before the device is started again.
    Cancel(JobId),
    /// It is not taken.
    Deny(Denial),
}

/// A request that was not taken. Nothing was run and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failure}")]
pub struct Denial {
    /// The code and the sentence.
    pub failure: Failure,
    /// The job that stands in the way, where one does.
    pub job: Option<JobId>,
}

impl Denial {
    /// What it asks for is more than the agent can remember.
    pub fn too_large(request: &Request) -> Self {
        let message = match request {
            Request::Update { packages, .. } => format!(
                "the list of {} packages does not fit into the agent's journal beside what it must remember; \
                 split it into several updates",
                packages.specs().len()
            ),
            Request::Rollback { .. } => {
                "the request does not fit into the agent's journal; ask again when the running job has ended".to_owned()
            }
        };
        Self { failure: Failure::new(Reason::State, message), job: None }
    }

    /// The daemon is about to end.
    pub fn stopping() -> Self {
        Self {
            failure: Failure::new(Reason::Stopping, "the agent is stopping; ask again when it has started"),
            job: None,
        }
    }
}

/// Decides what becomes of a request of this device's own doors.
pub fn admit(state: &State, rules: &Rules, now: &Moment, request: &Request, key: Option<&str>) -> Admission {
    if key.is_some_and(|key| key.starts_with(SERVER_KEYS)) {
        let message =
            format!("idempotency keys that begin with `{SERVER_KEYS}` are for the server's orders; use another");
        return Admission::Deny(Denial { failure: Failure::new(Reason::BadKey, message), job: None });
    }
    admit_any(state, rules, now, request, key)
}

/// The same for whoever asks, a server's assignment among them.
pub(super) fn admit_any(state: &State, rules: &Rules, now: &Moment, request: &Request, key: Option<&str>) -> Admission {
    if let Some(key) = key.filter(|key| key.len() > MAX_KEY_BYTES) {
        let message = format!(
            "the idempotency key has {} bytes; it may have at most {MAX_KEY_BYTES}: use a shorter one",
            key.len()
        );
        return Admission::Deny(Denial { failure: Failure::new(Reason::BadKey, message), job: None });
    }
    if let Some(answer) = key.and_then(|key| known_key(state, request, key)) {
        return answer;
    }
    if let Err(failure) = policy::check(request, &rules.policy, now) {
        return Admission::Deny(Denial { failure, job: None });
    }
    match (&state.running, request) {
        (None, Request::Update { .. } | Request::Rollback { .. }) => Admission::Accept,
        (Some(running), Request::Update { .. }) => Admission::Deny(busy(running)),
        (Some(running), Request::Rollback { to, .. }) => match to {
            None if can_be_cancelled(running) || only_waits_for_a_restart(running) => Admission::Cancel(running.job.id),
            None | Some(_) => Admission::Queue,
        },
    }
}

fn known_key(state: &State, request: &Request, key: &str) -> Option<Admission> {
    let (_, id) = state.keys.iter().find(|(known, _)| known == key)?;
    let same = state.job(*id).is_none_or(|job| {
        if job.idempotency_key.as_deref() == Some(key) {
            state.asked_the_same(job, request)
        } else {
            // The key of a rollback that cancelled this job: only such a rollback has it again.
            matches!(request, Request::Rollback { to: None, .. })
        }
    });
    Some(if same {
        Admission::Already(*id)
    } else {
        let message = format!("the idempotency key {key:?} was used for job {id}, which asked for something else");
        Admission::Deny(Denial { failure: Failure::new(Reason::KeyReused, message), job: Some(*id) })
    })
}

pub(super) fn busy(running: &Running) -> Denial {
    let id = running.job.id;
    let message = format!("job {id} is {}; one job runs at a time, ask again when it has ended", running.job.state);
    Denial { failure: Failure::new(Reason::Busy, message), job: Some(id) }
}

/// Whether a job's change is not in force before a restart that has not come yet.
fn only_waits_for_a_restart(running: &Running) -> bool {
    matches!(running.step, Step::AwaitingReboot { .. } | Step::Rebooting { .. }) && !running.job.request.is_rollback()
}

/// Whether a rollback is answered by stopping this job. A dry run is not the change that somebody wants undone.
pub(super) fn can_be_cancelled(running: &Running) -> bool {
    match running.job.request {
        Request::Rollback { .. } | Request::Update { dry_run: true, .. } => return false,
        Request::Update { dry_run: false, .. } => {}
    }
    match running.step {
        Step::Downloading | Step::Planning | Step::Fetching | Step::Capturing | Step::Cancelling { .. } => true,
        Step::Applying
        | Step::AwaitingReboot { .. }
        | Step::Rebooting { .. }
        | Step::Verifying
        | Step::Committing
        | Step::RollingBack { .. }
        | Step::Discarding { .. } => false,
    }
}
