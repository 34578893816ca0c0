//! The moves that a job makes: into its first step, its next one, its way back, its end.

use belay_protocol::job::{Door, Job, JobId, JobState, Request};
use belay_protocol::{Failure, Reason};

use super::assign::assignment_of;
use super::effect::Effect;
use super::input::Moment;
use super::policy;
use super::rules::Rules;
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
    if let Request::Update { packages, release: None, bundle: None, .. } = &running.job.request
        && packages.is_empty()
    {
        return end(state, now, running, JobState::Committed, None, "the list is empty: nothing to do".to_owned());
    }
    start_over(state, running)
}

/// Takes the first step: brings the bundle onto the device where the job is about one, else plans.
pub(super) fn start_over(state: &mut State, running: Running) -> Vec<Effect> {
    let Request::Update { bundle: Some(order), approve, .. } = &running.job.request else {
        return plan(state, running);
    };
    let effect = Effect::Download {
        job: running.job.id,
        order: order.clone(),
        assignment: assignment_of(&running.job),
        approve: approve.clone(),
    };
    advance(state, running, Step::Downloading, "fetching the bundle", effect)
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

/// Starts the device again as soon as a maintenance window is open.
pub(super) fn reboot(state: &mut State, rules: &Rules, now: &Moment, mut running: Running, why: String) -> Vec<Effect> {
    let id = running.job.id;
    if policy::window_is_open(&running.job.request, &rules.policy, now) {
        let message = format!("starting the device again: {why}");
        return advance(state, running, Step::Rebooting { why }, &message, Effect::Reboot { job: id });
    }
    running.job.message = format!("waiting for a maintenance window to start the device again: {why}");
    running.step = Step::AwaitingReboot { why };
    running.job.state = JobState::Rebooting;
    state.running = Some(running);
    Vec::new()
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
        Step::Downloading | Step::Fetching => JobState::Fetching,
        Step::Capturing => JobState::Capturing,
        Step::Applying => JobState::Applying,
        Step::AwaitingReboot { .. } | Step::Rebooting { .. } => JobState::Rebooting,
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
        | JobState::Rebooting
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
    let was_taken_back = end_state == JobState::RolledBack && reason == Some(Reason::Cancelled);
    match state.queued.take() {
        // Whoever asked to go one back has that: it must not go back once more.
        Some(next) if was_taken_back && matches!(next.request, Request::Rollback { to: None, .. }) => {
            let generation = Some(state.generation);
            let message = FULFILLED.to_owned();
            state.remember(Job { state: JobState::Committed, message, generation, ..next }, None, now.at);
            Vec::new()
        }
        Some(next) => begin(state, now, next),
        None => Vec::new(),
    }
}

/// How a rollback ends whose update was taken back because of it.
const FULFILLED: &str = "the update that it waited for was taken back";
