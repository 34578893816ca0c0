//! The state machine: one input in, the next state and the effects that follow from it out.
//!
//! ```text
//! update     Planning ─► Fetching ─► Capturing ─► Applying ─► Verifying ─► Committing ─► Committed
//!              ▲ ▲ │          │            │        │  │ │ │      ▲  │            │
//!              │ │ └──────────┴────────────┴────────┘  │ │ │      │  └────────────┴─► RollingBack ─► RolledBack
//!              │ │        refused, cancelled:          │ │ │      │                    ▲   │ third failure
//!              │ │        Discarding ─► Refused        │ │ └─── failed ────────────────┘   └─► NeedsAttention
//!              │ └── the device changed under the plan ┘ │        │                    │
//! bundle     Downloading ─► Discarding      needs a reboot        │ was started again  │ cannot be started again,
//!                refused, cancelled                      ▼        │                    │ a rollback waits
//!                                   AwaitingReboot ─► Rebooting ──┴────────────────────┘
//!                                     a window opens (Tick)
//! rollback   Planning ─► RollingBack ─► RolledBack
//! ```
//!
//! It is total: every pair of state and input is defined. An input that does not fit is counted and changes nothing.

use belay_protocol::job::{Door, JobId, JobState, Request};
use belay_protocol::plan::Plan;
use belay_protocol::{Failure, Reason};

use super::admit::{self, Admission};
use super::effect::{Applied, Arrived, Effect, Outcome, Planned, Reboot, Undone};
use super::input::{Input, Moment};
use super::moves::{
    RESTARTS, UNDO_ATTEMPTS, advance, begin, discard, end, ended_with_survey, go_back, new_job, plan, reboot,
};
use super::rules::Rules;
use super::state::{ASKED_BACK, Running, State, Step};
use super::{assign, gate, guard, policy, report, resume};

/// Takes one input.
pub fn step(mut state: State, rules: &Rules, now: &Moment, input: Input) -> (State, Vec<Effect>) {
    let told = report::standing(&state);
    let effects = match input {
        Input::Started { survey } => resume::started(&mut state, now, survey),
        Input::Requested { request, door, idempotency_key } => {
            requested(&mut state, rules, now, request, door, idempotency_key)
        }
        Input::Answered { acknowledged, assignment, cancel } => {
            if let Some(seq) = acknowledged {
                state.outbox.acknowledge(seq);
            }
            if let Some(id) = cancel {
                assign::cancelled(&mut state, now, id);
            }
            assignment.map_or_else(Vec::new, |assignment| assign::assigned(&mut state, rules, now, assignment))
        }
        Input::AnotherOutbox { id } => {
            state.outbox.begin_again(id);
            Vec::new()
        }
        Input::Unfit { assignment, failure } => {
            assign::unfit(&mut state, now, assignment, failure);
            Vec::new()
        }
        Input::Tick => tick(&mut state, rules, now),
        Input::Completed { outcome: Outcome::Surveyed(Ok(survey)), .. } => {
            resume::refresh(&mut state, survey);
            Vec::new()
        }
        Input::Completed { outcome: Outcome::Surveyed(Err(_)), .. } => Vec::new(),
        Input::Completed { job, outcome } => completed(&mut state, rules, now, job, outcome),
    };
    report::tell_step(&mut state, told, now.at);
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
                state.remember(replaced, None, now.at);
            }
            Vec::new()
        }
        Admission::Cancel(cancelled) => {
            if let Some(key) = key {
                state.remember_key(key, cancelled);
            }
            if let Some(running) = state
                .running
                .take_if(|running| matches!(running.step, Step::AwaitingReboot { .. } | Step::Rebooting { .. }))
            {
                return go_back(state, running, Failure::new(Reason::Cancelled, ASKED_BACK_BEFORE_REBOOT), 0);
            }
            if let Some(running) = &mut state.running {
                running.step = Step::Cancelling { because: ASKED_BACK.to_owned() };
                running.job.message = format!("{ASKED_BACK}; stopping");
            }
            Vec::new()
        }
        Admission::Already(_) | Admission::Deny(_) => {
            state.ignored += 1;
            Vec::new()
        }
    }
}

fn completed(state: &mut State, rules: &Rules, now: &Moment, job: Option<JobId>, outcome: Outcome) -> Vec<Effect> {
    let Some(mut running) = state.running.take_if(|running| Some(running.job.id) == job) else {
        state.ignored += 1;
        return Vec::new();
    };
    let id = running.job.id;
    match (running.step.clone(), outcome) {
        (Step::Downloading, Outcome::Downloaded(result)) => downloaded(state, running, result),
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
        (
            Step::Cancelling { because },
            Outcome::Downloaded(_) | Outcome::Planned(_) | Outcome::Fetched(_) | Outcome::Captured(_),
        ) => refuse(state, running, Failure::new(Reason::Cancelled, because)),
        (Step::Applying, Outcome::Applied(applied)) => match applied {
            Applied::Done => advance(state, running, Step::Verifying, HEALTH, Effect::Verify { job: id }),
            Applied::DoneWith { notes, reboot: wanted } => {
                running.job.warnings.extend(notes);
                match wanted {
                    Some(why) => reboot(state, rules, now, running, why),
                    None => advance(state, running, Step::Verifying, HEALTH, Effect::Verify { job: id }),
                }
            }
            Applied::Untouched(failure) => refuse_or_replan(state, running, failure),
            Applied::Touched(failure) => go_back(state, running, failure, 0),
        },
        // The process ends with the device, and the next one resumes.
        (Step::Rebooting { .. }, Outcome::Rebooting(Ok(Reboot::Ordered))) => {
            state.running = Some(running);
            Vec::new()
        }
        (Step::Rebooting { .. }, Outcome::Rebooting(Ok(Reboot::Done))) => {
            advance(state, running, Step::Verifying, HEALTH, Effect::Verify { job: id })
        }
        (Step::Rebooting { .. }, Outcome::Rebooting(Err(failure))) => go_back(state, running, failure, 0),
        (Step::Verifying, Outcome::Verified(result)) => verified(state, running, result),
        (Step::Committing, Outcome::Committed(Ok(generation))) => {
            state.generation = generation;
            let message = if changes_nothing(&running) { AS_ASKED } else { "installed, healthy, committed" };
            ended_with_survey(state, now, running, JobState::Committed, None, message.to_owned())
        }
        // Nothing was changed, so there is nothing to take back.
        (Step::Committing, Outcome::Committed(Err(failure))) if changes_nothing(&running) => {
            refuse_or_replan(state, running, failure)
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

/// What waits for its moment looks whether it has come. A rollback that waits behind it need not wait for that.
fn tick(state: &mut State, rules: &Rules, now: &Moment) -> Vec<Effect> {
    if let Some(Running { job, step: Step::Rebooting { .. }, .. }) = &state.running {
        // It should have gone down by now; the host counts the orders.
        return vec![Effect::Reboot { job: job.id }];
    }
    let Some(running) = state.running.take_if(|running| matches!(running.step, Step::AwaitingReboot { .. })) else {
        return Vec::new();
    };
    let Step::AwaitingReboot { why } = running.step.clone() else { return Vec::new() };
    if state.queued.is_some() {
        return go_back(state, running, Failure::new(Reason::Cancelled, ASKED_BACK_BEFORE_REBOOT), 0);
    }
    reboot(state, rules, now, running, why)
}

fn downloaded(state: &mut State, mut running: Running, result: Result<Arrived, Failure>) -> Vec<Effect> {
    let Arrived { version, packages: declared, warnings } = match result {
        Ok(arrived) => arrived,
        Err(failure) => return refuse(state, running, failure),
    };
    running.job.warnings = warnings;
    if let Request::Update { packages, bundle: Some(order), .. } = &mut running.job.request {
        *packages = declared;
        order.version = Some(version);
    }
    plan(state, running)
}

fn planned(state: &mut State, rules: &Rules, mut running: Running, result: Result<Planned, Failure>) -> Vec<Effect> {
    let Planned { plan, facts, warnings, closure } = match result {
        Ok(planned) => planned,
        Err(failure) => return refuse(state, running, failure),
    };
    running.job.plan = Some(plan.clone());
    running.job.warnings.extend(warnings);
    running.closure = closure;
    let id = running.job.id;
    let (packages, dry_run, approve, release, is_bundle) = match running.job.request.clone() {
        Request::Rollback { .. } => {
            let because = Failure::new(Reason::Requested, "a rollback was asked for");
            return go_back(state, running, because, 0);
        }
        Request::Update { packages, dry_run, approve, release, bundle } => {
            (packages, dry_run, approve, release, bundle.is_some())
        }
    };
    let refusals = guard::refusals(&plan, &packages, running.job.request.closure(), &rules.guard, &facts);
    if let Err(failure) = guard::judge(refusals, &approve) {
        let by_server = running.job.door == Door::Server;
        return refuse(state, running, policy::with_setting(failure, by_server, &rules.policy));
    }
    if dry_run {
        let message = "a dry run: this is what an update would do; nothing was changed";
        return refuse(state, running, Failure::new(Reason::DryRun, message));
    }
    if plan.is_empty() && !is_bundle {
        if release.is_some() {
            let effect = Effect::Commit { job: id };
            return advance(state, running, Step::Committing, "nothing to change; noting the release", effect);
        }
        return discard(state, running, JobState::Committed, None, AS_ASKED.to_owned());
    }
    advance(state, running, Step::Fetching, "fetching packages", Effect::Fetch { job: id })
}

fn changes_nothing(running: &Running) -> bool {
    running.job.plan.as_ref().is_some_and(Plan::is_empty) && running.job.request.bundle().is_none()
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

const HEALTH: &str = "looking at the device's health";

/// Why a change is taken back that only waits for the device to start again.
const ASKED_BACK_BEFORE_REBOOT: &str = "a rollback was asked for before the device was started again";

/// How an update ends that has nothing to do.
const AS_ASKED: &str = "the device already is as the list asks";
