//! The moves that a job makes: into its first step, its next one, its way back, its end.

use belay_protocol::job::{Door, Job, JobId, JobState, Request};
use belay_protocol::{Failure, Reason};

use super::assign::assignment_of;
use super::effect::Effect;
use super::input::Moment;
use super::state::{Running, State, Step, Stuck};

/// How often a job may be begun again before it is given up.
pub(super) const RESTARTS: u32 = 3;

/// How often going back may fail before a person must look. The host counts the same over restarts.
pub const UNDO_ATTEMPTS: u32 = 3;

/// Makes a job of a request that was admitted.
pub(super) fn new_job(state: &mut State, now: &Moment, request: Request, door: Door, key: Option<String>) -> Job {
    let id = state.next_job;
    state.next_job = JobId(id.0 + 1);
    if let Some(key) = &key {
        state.remember_key(key.clone(), id);
    }
    Job {
        id,
        request,
        door,
        idempotency_key: key,
        state: JobState::Accepted,
        reason: None,
        message: "accepted".to_owned(),
        warnings: Vec::new(),
        plan: None,
        generation: None,
        created_at: now.at,
        ended_at: None,
    }
}

/// Makes a job the running one.
pub(super) fn begin(state: &mut State, now: &Moment, job: Job) -> Vec<Effect> {
    let running = Running { job, step: Step::Planning, restarts: 0, closure: None };
    // One with a release goes on: that the device has it must be known.
    if let Request::Update { packages, release: None, .. } = &running.job.request
        && packages.is_empty()
    {
        return end(state, now, running, JobState::Committed, None, "the list is empty: nothing to do".to_owned());
    }
    plan(state, running)
}

/// Plans, for the first time or once more.
pub(super) fn plan(state: &mut State, running: Running) -> Vec<Effect> {
    let effect = Effect::Plan {
        job: running.job.id,
        request: running.job.request.clone(),
        assignment: assignment_of(&running.job),
    };
    advance(state, running, Step::Planning, "resolving the transaction", effect)
}

/// Takes the device back, for the given reason.
pub(super) fn go_back(state: &mut State, running: Running, because: Failure, failed: u32) -> Vec<Effect> {
    let effect = Effect::RollBack { job: running.job.id, because: because.clone() };
    let message = if because.reason == Reason::Requested {
        "taking the device back".to_owned()
    } else {
        format!("taking the device back: {}", because.message)
    };
    advance(state, running, Step::RollingBack { because, failed }, &message, effect)
}

/// Drops what was prepared, then ends.
pub(super) fn discard(
    state: &mut State,
    running: Running,
    end: JobState,
    reason: Option<Reason>,
    message: String,
) -> Vec<Effect> {
    let effect = Effect::Discard { job: running.job.id };
    let words = message.clone();
    advance(state, running, Step::Discarding { end, reason, message }, &words, effect)
}

/// Puts the running job into its next step.
pub(super) fn advance(
    state: &mut State,
    mut running: Running,
    step: Step,
    message: &str,
    effect: Effect,
) -> Vec<Effect> {
    running.job.message = message.to_owned();
    running.job.state = shown_as(&step, running.job.state);
    running.step = step;
    state.running = Some(running);
    vec![effect]
}

fn shown_as(step: &Step, before: JobState) -> JobState {
    match step {
        Step::Planning => JobState::Planning,
        Step::Fetching => JobState::Fetching,
        Step::Capturing => JobState::Capturing,
        Step::Applying => JobState::Applying,
        Step::Verifying | Step::Committing => JobState::Verifying,
        Step::RollingBack { .. } => JobState::RollingBack,
        Step::Cancelling { .. } | Step::Discarding { .. } => before,
    }
}

/// Ends a job that changed the device, and asks for the new list of generations.
pub(super) fn ended_with_survey(
    state: &mut State,
    now: &Moment,
    running: Running,
    end_state: JobState,
    reason: Option<Reason>,
    message: String,
) -> Vec<Effect> {
    let mut effects = vec![Effect::Survey];
    effects.extend(end(state, now, running, end_state, reason, message));
    effects
}

/// Ends the running job; a rollback that waits begins.
pub(super) fn end(
    state: &mut State,
    now: &Moment,
    running: Running,
    end_state: JobState,
    reason: Option<Reason>,
    message: String,
) -> Vec<Effect> {
    match end_state {
        JobState::NeedsAttention => {
            let failure = Failure::new(reason.unwrap_or(Reason::UndoFailed), message.clone());
            state.stuck = Some(Stuck { job: running.job.id, failure });
        }
        JobState::RolledBack => state.stuck = None,
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Verifying
        | JobState::RollingBack
        | JobState::Committed
        | JobState::Refused => {}
    }
    let Running { mut job, closure, .. } = running;
    job.state = end_state;
    job.reason = reason;
    job.message = message;
    job.generation = Some(state.generation);
    state.remember(job, closure, now.at);
    match state.queued.take() {
        Some(next) => begin(state, now, next),
        None => Vec::new(),
    }
}
