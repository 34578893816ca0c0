//! A server's assignments: which become a job, which are answered at once, which are known already.

use belay_protocol::bundle::{BundleOrder, BundleSource};
use belay_protocol::job::{Door, Job, Request};
use belay_protocol::sync::{Action, Assignment, AssignmentRef, ReportStatus};
use belay_protocol::{Failure, PackageList, Reason, ReleaseOrder};

use super::admit::{self, Admission, SERVER_KEYS, admit_any, can_be_cancelled};
use super::effect::Effect;
use super::input::Moment;
use super::moves::{begin, new_job};
use super::policy;
use super::report::{refused_as, without_job};
use super::rules::Rules;
use super::state::{State, Step};

/// The idempotency key of an assignment: an attempt's number is never used twice.
pub(super) fn key_of(id: &AssignmentRef) -> String {
    format!("{SERVER_KEYS}{}/{}", id.deployment, id.attempt)
}

/// The assignment that a job carries out; none where no server asked for it.
pub(super) fn assignment_of(job: &Job) -> Option<AssignmentRef> {
    if job.door != Door::Server {
        return None;
    }
    let (deployment, attempt) = job.idempotency_key.as_deref()?.strip_prefix(SERVER_KEYS)?.rsplit_once('/')?;
    Some(AssignmentRef { deployment: deployment.parse().ok()?, attempt: attempt.parse().ok()? })
}

/// Takes what the server wants done. It never waits behind a job of the device's own: it is answered with a reason.
pub(super) fn assigned(state: &mut State, rules: &Rules, now: &Moment, assignment: Assignment) -> Vec<Effect> {
    let Assignment { id, action, .. } = assignment;
    if is_known(state, &id) {
        return Vec::new();
    }
    let Some(request) = request_of(action) else {
        // Newer servers have words that this program does not know; the reason is one of theirs, not of ours.
        decline_unknown(state, now, id);
        return Vec::new();
    };
    let request = policy::with_counting_approvals(&request, true, &rules.policy);
    let key = key_of(&id);
    let admission = match &state.running {
        Some(running) => Admission::Deny(admit::busy(running)),
        None => admit_any(state, rules, now, &request, Some(&key)),
    };
    match admission {
        Admission::Accept => {
            let job = new_job(state, now, request, Door::Server, Some(key));
            begin(state, now, job)
        }
        Admission::Deny(denial) => {
            let failure = policy::with_setting(denial.failure, true, &rules.policy);
            decline(state, now, id, refused_as(failure.reason), failure);
            Vec::new()
        }
        Admission::Queue | Admission::Already(_) | Admission::Cancel(_) => {
            state.ignored += 1;
            Vec::new()
        }
    }
}

/// Takes that the server no longer wants an assignment. What changes the device already goes on to its end.
pub(super) fn cancelled(state: &mut State, now: &Moment, id: AssignmentRef) {
    if let Some(running) = state.running.as_mut().filter(|running| assignment_of(&running.job).as_ref() == Some(&id)) {
        if can_be_cancelled(running) && !matches!(running.step, Step::Cancelling { .. }) {
            let because = "the server cancelled it before anything was changed";
            running.job.message = format!("{because}; stopping");
            running.step = Step::Cancelling { because: because.to_owned() };
        }
        return;
    }
    if !is_known(state, &id) {
        let failure = Failure::new(Reason::Cancelled, "the server cancelled it before this device had begun");
        decline(state, now, id, ReportStatus::Skipped, failure);
    }
}

/// Answers an assignment that cannot become a job for a reason of the shell's.
pub(super) fn unfit(state: &mut State, now: &Moment, id: AssignmentRef, failure: Failure) {
    if !is_known(state, &id) {
        decline(state, now, id, refused_as(failure.reason), failure);
    }
}

fn is_known(state: &State, id: &AssignmentRef) -> bool {
    let key = key_of(id);
    state.outbox.declined.contains(id) || state.keys.iter().any(|(known, _)| *known == key)
}

fn request_of(action: Action) -> Option<Request> {
    match action {
        Action::InstallPackages { release, packages, closure, approve, manifest } => Some(Request::Update {
            packages,
            dry_run: false,
            approve: known(&approve),
            release: Some(ReleaseOrder { version: release, closure, manifest }),
            bundle: None,
        }),
        Action::InstallBundle { release, sha256, size, url, manifest, closure, approve } => {
            let source = url.map_or(BundleSource::Server, |url| BundleSource::Url { url });
            let order = BundleOrder { source, sha256, size: Some(size), version: Some(release.clone()), manifest };
            Some(Request::Update {
                packages: PackageList::default(),
                dry_run: false,
                approve: known(&approve),
                release: Some(ReleaseOrder { version: release, closure, manifest: None }),
                bundle: Some(Box::new(order)),
            })
        }
        Action::RollBack { release } => Some(Request::Rollback { to: None, approve: Vec::new(), from: release }),
        Action::Unknown => None,
    }
}

/// The reasons that this program knows.
fn known(codes: &[String]) -> Vec<Reason> {
    let reason = |code: &String| Reason::ALL.iter().copied().find(|reason| reason.code() == code);
    codes.iter().filter_map(reason).collect()
}

fn decline(state: &mut State, now: &Moment, id: AssignmentRef, status: ReportStatus, failure: Failure) {
    state.outbox.decline(id.clone());
    state.outbox.push(without_job(id, status, failure, now.at));
}

fn decline_unknown(state: &mut State, now: &Moment, id: AssignmentRef) {
    let message = "this belay-agent does not know what the server asks for; update it first";
    state.outbox.decline(id.clone());
    let mut report = without_job(id, ReportStatus::Failed, Failure::new(Reason::State, message), now.at);
    report.reason = Some("unknown_action".to_owned());
    state.outbox.push(report);
}
