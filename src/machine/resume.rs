//! Starting again: the host's ledger says what was done, the journal only who asked.
//!
//! Where the two disagree the ledger is right. A job that the ledger closed is over; a transaction that the
//! journal does not know is adopted and undone or dropped; a job whose effects the ledger lost is undone.

use belay_protocol::job::{Door, Job, JobId, JobState, Request};
use belay_protocol::sync::AssignmentRef;
use belay_protocol::{Failure, Reason};

use super::assign::key_of;
use super::effect::{Closed, Effect, OpenTransaction, Survey};
use super::input::Moment;
use super::moves::{RESTARTS, begin, discard, end, go_back, start_over};
use super::state::{Running, State, Step};

/// Takes the ledger at the daemon's start.
pub(super) fn started(state: &mut State, now: &Moment, mut survey: Survey) -> Vec<Effect> {
    state.damage = std::mem::take(&mut survey.damage);
    let closed = std::mem::take(&mut survey.closed);
    let open = survey.open.clone();
    refresh(state, survey);
    let first_unknown = state.next_job;
    let mut effects = Vec::new();
    for verdict in closed {
        effects.extend(learn(state, now, verdict, first_unknown));
    }
    // Verdicts are older than what is open now.
    state.notice(open.as_ref());
    if let Some(open) = &open {
        state.next_job = state.next_job.max(JobId(open.job.0 + 1));
    }
    // A verdict that ended our job may have begun the rollback that waited behind it.
    if effects.is_empty() {
        effects.extend(match (state.running.take(), open) {
            (Some(running), open) => resume(state, now, running, open),
            (None, Some(open)) => adopt(state, now, open),
            (None, None) => match state.queued.take() {
                Some(next) => begin(state, now, next),
                None => Vec::new(),
            },
        });
    }
    effects
}

/// Takes a newer list of generations.
pub(super) fn refresh(state: &mut State, survey: Survey) {
    state.notice(survey.open.as_ref());
    state.generation = survey.generation;
    state.generations = survey.generations;
}

/// Takes one verdict of the host's: ours, or of a job that the journal never heard of or lost.
fn learn(state: &mut State, now: &Moment, verdict: Closed, first_unknown: JobId) -> Vec<Effect> {
    if let Some(running) = state.running.take_if(|running| running.job.id == verdict.job) {
        let generation = state.generation;
        state.generation = verdict.generation;
        let effects = end(state, now, running, verdict.end, verdict.reason, verdict.message);
        state.generation = generation;
        return effects;
    }
    if verdict.job >= first_unknown {
        let bare = bare_job(verdict.job, verdict.request, verdict.assignment, verdict.at);
        if let Some(key) = &bare.idempotency_key {
            state.remember_key(key.clone(), bare.id);
        }
        let job = Job {
            state: verdict.end,
            reason: verdict.reason,
            message: verdict.message,
            generation: Some(verdict.generation),
            ..bare
        };
        state.remember(job, None, verdict.at);
        state.next_job = state.next_job.max(JobId(verdict.job.0 + 1));
    }
    Vec::new()
}

fn resume(state: &mut State, now: &Moment, mut running: Running, open: Option<OpenTransaction>) -> Vec<Effect> {
    let ours = open.filter(|open| open.job == running.job.id);
    if let Some(stuck) = ours.as_ref().and_then(|open| open.stuck.clone()) {
        return end(state, now, running, JobState::NeedsAttention, Some(stuck.reason), stuck.message);
    }
    let touched = ours.is_some_and(|open| open.touched);
    match running.step.clone() {
        Step::Downloading | Step::Planning | Step::Fetching | Step::Capturing if touched => {
            go_back(state, running, interrupted(), 0)
        }
        // It goes on where it was; a long one outlives many restarts.
        Step::Downloading => start_over(state, running),
        Step::Planning | Step::Fetching | Step::Capturing => {
            running.restarts += 1;
            if running.restarts > RESTARTS {
                let message = format!("begun {RESTARTS} times and interrupted each time; nothing was changed");
                return discard(state, running, JobState::Refused, Some(Reason::GaveUp), message);
            }
            start_over(state, running)
        }
        Step::Cancelling { because } => discard(state, running, JobState::Refused, Some(Reason::Cancelled), because),
        Step::Applying => reissue(state, running, |job| Effect::Apply { job }),
        // Asked again at the next look at the clock.
        Step::AwaitingReboot { .. } => {
            state.running = Some(running);
            Vec::new()
        }
        Step::Rebooting { .. } => reissue(state, running, |job| Effect::Reboot { job }),
        Step::Verifying => reissue(state, running, |job| Effect::Verify { job }),
        Step::Committing => reissue(state, running, |job| Effect::Commit { job }),
        Step::RollingBack { because, failed } => go_back(state, running, because, failed),
        Step::Discarding { end, reason, message } => discard(state, running, end, reason, message),
    }
}

fn reissue(state: &mut State, running: Running, effect: impl Fn(JobId) -> Effect) -> Vec<Effect> {
    let effects = vec![effect(running.job.id)];
    state.running = Some(running);
    effects
}

/// Takes over a transaction whose request the journal lost.
fn adopt(state: &mut State, now: &Moment, open: OpenTransaction) -> Vec<Effect> {
    let job = bare_job(open.job, open.request, open.assignment, now.at);
    if let Some(key) = &job.idempotency_key {
        state.remember_key(key.clone(), job.id);
    }
    let running = Running { job, step: Step::Planning, restarts: 0, closure: None };
    match open.stuck {
        Some(stuck) => {
            // Known already: a person was told, and a rollback that is asked for takes it up again.
            if state.job(running.job.id).is_some() {
                return Vec::new();
            }
            end(state, now, running, JobState::NeedsAttention, Some(stuck.reason), stuck.message)
        }
        None if open.touched => go_back(state, running, interrupted(), 0),
        None => {
            let failure = interrupted();
            discard(state, running, JobState::Refused, Some(failure.reason), failure.message)
        }
    }
}

fn bare_job(id: JobId, request: Request, assignment: Option<AssignmentRef>, at: jiff::Timestamp) -> Job {
    Job {
        id,
        request,
        door: if assignment.is_some() { Door::Server } else { Door::Socket },
        idempotency_key: assignment.as_ref().map(key_of),
        state: JobState::Accepted,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: None,
        created_at: at,
        ended_at: None,
    }
}

fn interrupted() -> Failure {
    Failure::new(Reason::Interrupted, "the job was interrupted while the device was being changed")
}
