//! What is told of a job: its steps where a server assigned it, its end always.

use belay_protocol::job::{Job, JobId, JobState, Request};
use belay_protocol::sync::{AssignmentRef, Report, ReportStatus};
use belay_protocol::{Closure, Failure, Reason};
use jiff::Timestamp;

use super::assign::assignment_of;
use super::state::State;

/// The longest sentence of a report, in characters.
const LONGEST_MESSAGE: usize = 4_000;

/// How far the running job has come, as a server is told of it. One that ended before and is taken up again, because its
/// way back did not work, goes on without a word: its assignment was closed by its first end.
pub(super) fn standing(state: &State) -> Option<(JobId, ReportStatus)> {
    let job = &state.running.as_ref()?.job;
    assignment_of(job)?;
    if was_told(state, job) { None } else { Some((job.id, progress(job)?)) }
}

/// Reports the step that the running job is in, where it was in another one before.
pub(super) fn tell_step(state: &mut State, before: Option<(JobId, ReportStatus)>, at: Timestamp) {
    let now = standing(state);
    if now == before {
        return;
    }
    if let (Some((_, status)), Some(running)) = (now, &state.running) {
        let report = about(&running.job, status, at);
        state.outbox.push(report);
    }
}

/// Reports how a job ended. A second end of the same job, after a person had to look, is told without its assignment:
/// that one was closed by the first.
pub(super) fn tell_end(state: &mut State, job: &Job, closure: Option<Closure>, at: Timestamp) {
    if matches!(job.request, Request::Update { dry_run: true, .. }) {
        return;
    }
    let told = was_told(state, job);
    let status = end(job);
    let report = about(job, status, at);
    // What the order pinned is known to the server.
    let closure = closure.filter(|_| status == ReportStatus::Completed && job.request.closure().is_none());
    state.outbox.push(Report { assignment: report.assignment.filter(|_| !told), closure, ..report });
}

/// Whether the job's end was told before.
fn was_told(state: &State, job: &Job) -> bool {
    state.ended.iter().any(|known| known.id == job.id)
}

/// The answer to an assignment that becomes no job.
pub(super) fn without_job(id: AssignmentRef, status: ReportStatus, failure: Failure, at: Timestamp) -> Report {
    Report {
        seq: 0,
        at,
        assignment: Some(id),
        job: None,
        status,
        reason: Some(failure.reason.code().to_owned()),
        message: shortened(&failure.message),
        closure: None,
    }
}

/// What a refusal means to a server: later, never mind, or no.
pub(super) fn refused_as(reason: Reason) -> ReportStatus {
    // A list of those that are not failures: a reason that is new is one until somebody says otherwise.
    const LATER: &[Reason] = &[
        Reason::Busy,
        Reason::Window,
        Reason::Lockdown,
        Reason::Clock,
        Reason::LockTimeout,
        Reason::Stopping,
        Reason::Interrupted,
    ];
    if LATER.contains(&reason) {
        ReportStatus::Deferred
    } else if matches!(reason, Reason::Cancelled | Reason::OtherRelease) {
        ReportStatus::Skipped
    } else {
        ReportStatus::Failed
    }
}

fn about(job: &Job, status: ReportStatus, at: Timestamp) -> Report {
    Report {
        seq: 0,
        at,
        assignment: assignment_of(job),
        job: Some(job.id),
        status,
        reason: job.reason.map(|reason| reason.code().to_owned()),
        message: shortened(&job.message),
        closure: None,
    }
}

fn progress(job: &Job) -> Option<ReportStatus> {
    match job.state {
        JobState::Planning | JobState::Fetching | JobState::Capturing => Some(ReportStatus::Downloading),
        JobState::Applying | JobState::Rebooting => Some(ReportStatus::Installing),
        JobState::RollingBack if job.request.is_rollback() => Some(ReportStatus::Installing),
        JobState::Verifying => Some(ReportStatus::Verifying),
        JobState::Accepted
        | JobState::RollingBack
        | JobState::Committed
        | JobState::RolledBack
        | JobState::Refused
        | JobState::NeedsAttention => None,
    }
}

fn end(job: &Job) -> ReportStatus {
    match job.state {
        JobState::Committed => ReportStatus::Completed,
        JobState::RolledBack if job.request.is_rollback() => ReportStatus::Completed,
        JobState::RolledBack => ReportStatus::RolledBack,
        JobState::Refused => job.reason.map_or(ReportStatus::Failed, refused_as),
        JobState::NeedsAttention
        | JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack => ReportStatus::Failed,
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}
