//! The state machine: one input in, the next state and the effects that follow from it out.
//!
//! ```text
//! update     Planning ─► Fetching ─► Capturing ─► Applying ─► Verifying ─► Committing ─► Committed
//!               ▲ │          │            │        │  │ │          │            │
//!               │ └──────────┴────────────┴────────┘  │ └──────────┴────────────┴─► RollingBack ─► RolledBack
//!               │        refused, cancelled: Discarding ─► Refused                      │ third failure
//!               └─────────── the device changed under the plan ┘                        └─► NeedsAttention
//! rollback   Planning ─► RollingBack ─► RolledBack
//! ```
//!
//! It is total: every pair of state and input is defined. An input that does not fit is counted and changes nothing.

use belay_protocol::job::{Door, Job, JobId, JobState, Request};
use belay_protocol::{Failure, Reason};

use super::admit::{self, Admission};
use super::effect::{Applied, Effect, Outcome, Planned, Undone};
use super::input::{Input, Moment};
use super::moves::{RESTARTS, UNDO_ATTEMPTS, advance, begin, discard, end, ended_with_survey, go_back, plan};
use super::rules::Rules;
use super::state::{Running, State, Step};
use super::{gate, guard, resume};

/// Takes one input.
pub fn step(mut state: State, rules: &Rules, now: &Moment, input: Input) -> (State, Vec<Effect>) {
    let effects = match input {
        Input::Started { survey } => resume::started(&mut state, now, survey),
        Input::Requested { request, door, idempotency_key } => {
            requested(&mut state, rules, now, request, door, idempotency_key)
        }
        Input::Completed { outcome: Outcome::Surveyed(Ok(survey)), .. } => {
            resume::refresh(&mut state, survey);
            Vec::new()
        }
        Input::Completed { outcome: Outcome::Surveyed(Err(_)), .. } => Vec::new(),
        Input::Completed { job, outcome } => completed(&mut state, rules, now, job, outcome),
    };
    (state, effects)
}

fn requested(
    state: &mut State,
    rules: &Rules,
    now: &Moment,
    request: Request,
    door: Door,
    key: Option<String>,
) -> Vec<Effect> {
    let admission = admit::admit(state, rules, now, &request, key.as_deref());
    match admission {
        Admission::Accept => {
            let job = new_job(state, now, request, door, key);
            begin(state, now, job)
        }
        Admission::Queue => {
            let job = new_job(state, now, request, door, key);
            if let Some(mut replaced) = state.queued.replace(job) {
                replaced.message = "replaced by a newer rollback before it began".to_owned();
                replaced.state = JobState::Refused;
                replaced.reason = Some(Reason::Cancelled);
                state.remember(replaced, now.at);
            }
            Vec::new()
        }
        Admission::Cancel(cancelled) => {
            if let Some(key) = key {
                state.remember_key(key, cancelled);
            }
            if let Some(running) = &mut state.running {
                running.step = Step::Cancelling;
                running.job.message = "a rollback was asked for before anything was changed; stopping".to_owned();
            }
            Vec::new()
        }
        Admission::Already(_) | Admission::Deny(_) => {
            state.ignored += 1;
            Vec::new()
        }
    }
}

fn new_job(state: &mut State, now: &Moment, request: Request, door: Door, key: Option<String>) -> Job {
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

fn completed(state: &mut State, rules: &Rules, now: &Moment, job: Option<JobId>, outcome: Outcome) -> Vec<Effect> {
    let Some(mut running) = state.running.take_if(|running| Some(running.job.id) == job) else {
        state.ignored += 1;
        return Vec::new();
    };
    let id = running.job.id;
    match (running.step.clone(), outcome) {
        (Step::Planning, Outcome::Planned(result)) => planned(state, rules, running, result),
        (Step::Fetching, Outcome::Fetched(Ok(()))) => {
            advance(state, running, Step::Capturing, "taking the restore point", Effect::Capture { job: id })
        }
        (Step::Capturing, Outcome::Captured(Ok(warnings))) => {
            running.job.warnings.extend(warnings);
            advance(state, running, Step::Applying, "changing the device", Effect::Apply { job: id })
        }
        (Step::Fetching, Outcome::Fetched(Err(failure))) | (Step::Capturing, Outcome::Captured(Err(failure))) => {
            refuse_or_replan(state, running, failure)
        }
        (Step::Cancelling, Outcome::Planned(_) | Outcome::Fetched(_) | Outcome::Captured(_)) => {
            let failure = Failure::new(Reason::Cancelled, "a rollback was asked for before anything was changed");
            refuse(state, running, failure)
        }
        (Step::Applying, Outcome::Applied(applied)) => match applied {
            Applied::Done => {
                advance(state, running, Step::Verifying, "looking at the device's health", Effect::Verify { job: id })
            }
            Applied::Untouched(failure) => refuse_or_replan(state, running, failure),
            Applied::Touched(failure) => go_back(state, running, failure, 0),
        },
        (Step::Verifying, Outcome::Verified(result)) => verified(state, running, result),
        (Step::Committing, Outcome::Committed(Ok(generation))) => {
            state.generation = generation;
            let message = "installed, healthy, committed".to_owned();
            ended_with_survey(state, now, running, JobState::Committed, None, message)
        }
        (Step::Committing, Outcome::Committed(Err(failure))) => go_back(state, running, failure, 0),
        (Step::RollingBack { because, .. }, Outcome::RolledBack(Ok(undone))) => {
            rolled_back(state, now, running, because, &undone)
        }
        (Step::RollingBack { because, failed }, Outcome::RolledBack(Err(failure))) => {
            undo_failed(state, now, running, because, failed + 1, failure)
        }
        (Step::Discarding { end: state_at_end, reason, message }, Outcome::Discarded(Ok(()))) => {
            end(state, now, running, state_at_end, reason, message)
        }
        (Step::Discarding { end: state_at_end, reason, message }, Outcome::Discarded(Err(failure))) => {
            // A disk that cannot be written leaves the device as it was. Anything else may be a device that was changed,
            // and a job that changed it does not end as refused.
            if matches!(failure.reason, Reason::State | Reason::NoSpace) {
                let message = format!("{message}; what was prepared is still there: {}", failure.message);
                return end(state, now, running, state_at_end, reason, message);
            }
            let message =
                format!("the device may have been changed by a job that was to change nothing: {}", failure.message);
            go_back(state, running, Failure::new(Reason::Interrupted, message), 0)
        }
        (_, _odd) => {
            state.running = Some(running);
            state.ignored += 1;
            Vec::new()
        }
    }
}

fn planned(state: &mut State, rules: &Rules, mut running: Running, result: Result<Planned, Failure>) -> Vec<Effect> {
    let Planned { plan, facts, warnings } = match result {
        Ok(planned) => planned,
        Err(failure) => return refuse(state, running, failure),
    };
    running.job.plan = Some(plan.clone());
    running.job.warnings = warnings;
    let id = running.job.id;
    let (packages, dry_run, approve) = match running.job.request.clone() {
        Request::Rollback { .. } => {
            let because = Failure::new(Reason::Requested, "a rollback was asked for");
            return go_back(state, running, because, 0);
        }
        Request::Update { packages, dry_run, approve } => (packages, dry_run, approve),
    };
    let refusals = guard::refusals(&plan, &packages, &rules.guard, &facts);
    if let Err(failure) = guard::judge(refusals, &approve) {
        return refuse(state, running, failure);
    }
    if dry_run {
        let message = "a dry run: this is what an update would do; nothing was changed";
        return refuse(state, running, Failure::new(Reason::DryRun, message));
    }
    if plan.is_empty() {
        let message = "the device already is as the list asks".to_owned();
        return discard(state, running, JobState::Committed, None, message);
    }
    advance(state, running, Step::Fetching, "fetching packages", Effect::Fetch { job: id })
}

fn verified(
    state: &mut State,
    mut running: Running,
    result: Result<belay_protocol::health::Health, Failure>,
) -> Vec<Effect> {
    let health = match result {
        Ok(health) => health,
        Err(failure) => return go_back(state, running, failure, 0),
    };
    match gate::judge(&health) {
        gate::Verdict::Healthy { warnings } => {
            running.job.warnings.extend(warnings);
            let id = running.job.id;
            advance(state, running, Step::Committing, "healthy; committing", Effect::Commit { job: id })
        }
        gate::Verdict::Unhealthy { causes, .. } => {
            go_back(state, running, Failure::new(Reason::Unhealthy, causes.join("; ")), 0)
        }
    }
}

fn rolled_back(state: &mut State, now: &Moment, running: Running, because: Failure, undone: &Undone) -> Vec<Effect> {
    state.generation = undone.generation;
    let asked = because.reason == Reason::Requested;
    let mut message = if asked {
        format!("the device is back at generation {}", undone.generation)
    } else {
        format!("{}; the device is as it was before", because.message)
    };
    for note in undone.forced.iter().chain(&undone.reported) {
        message.push_str("; ");
        message.push_str(note);
    }
    let reason = (!asked).then_some(because.reason);
    ended_with_survey(state, now, running, JobState::RolledBack, reason, message)
}

fn undo_failed(
    state: &mut State,
    now: &Moment,
    running: Running,
    because: Failure,
    failed: u32,
    failure: Failure,
) -> Vec<Effect> {
    let hopeless = failure.reason == Reason::ForeignChange;
    // A busy lock says nothing about the way back: it is waited for again, as often as it takes.
    if failure.reason == Reason::LockTimeout && because.reason != Reason::Requested {
        return go_back(state, running, because, failed - 1);
    }
    // Asked-for rollbacks that were refused before the device was touched leave it as it is.
    if failed == 1 && because.reason == Reason::Requested && failure.reason.leaves_device_untouched() {
        return refuse(state, running, failure);
    }
    if failed >= UNDO_ATTEMPTS || hopeless {
        let message = format!("going back did not work: {}", failure.message);
        return ended_with_survey(state, now, running, JobState::NeedsAttention, Some(failure.reason), message);
    }
    go_back(state, running, because, failed)
}

fn refuse_or_replan(state: &mut State, mut running: Running, failure: Failure) -> Vec<Effect> {
    if failure.reason == Reason::PlanChanged && running.restarts < RESTARTS {
        running.restarts += 1;
        return plan(state, running);
    }
    refuse(state, running, failure)
}

fn refuse(state: &mut State, running: Running, failure: Failure) -> Vec<Effect> {
    discard(state, running, JobState::Refused, Some(failure.reason), failure.message)
}
