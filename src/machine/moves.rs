//! The moves that a job makes: into its first step, its next one, its way back, its end.

use belay_protocol::job::{Job, JobState, Request};
use belay_protocol::{Failure, Reason};

use super::effect::Effect;
use super::input::Moment;
use super::state::{Running, State, Step, Stuck};

/// How often a job may be begun again before it is given up.
pub(super) const RESTARTS: u32 = 3;

/// How often going back may fail before a person must look. The host counts the same over restarts.
pub const UNDO_ATTEMPTS: u32 = 3;

/// Makes a job the running one.
pub(super) fn begin(state: &mut State, now: &Moment, job: Job) -> Vec<Effect> {
    if let Request::Update { packages, .. } = &job.request
        && packages.is_empty()
    {
        let running = Running { job, step: Step::Planning, restarts: 0 };
        return end(state, now, running, JobState::Committed, None, "the list is empty: nothing to do".to_owned());
    }
    plan(state, Running { job, step: Step::Planning, restarts: 0 })
}

/// Plans, for the first time or once more.
pub(super) fn plan(state: &mut State, running: Running) -> Vec<Effect> {
    let effect = Effect::Plan { job: running.job.id, request: running.job.request.clone() };
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
        Step::Cancelling | Step::Discarding { .. } => before,
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
    let mut job = running.job;
    job.state = end_state;
    job.reason = reason;
    job.message = message;
    job.generation = Some(state.generation);
    state.remember(job, now.at);
    match state.queued.take() {
        Some(next) => begin(state, now, next),
        None => Vec::new(),
    }
}
