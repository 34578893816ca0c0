use belay_protocol::PackageList;
use belay_protocol::job::{Generation, JobState, Request};

use super::*;

fn list(text: &str) -> PackageList {
    PackageList::from_lines(text.lines()).unwrap()
}

fn order(text: &str) -> Order {
    Order::Update { name: "list.txt".to_owned(), list: list(text) }
}

fn job(id: u64, door: Door, request: Request, state: JobState) -> Job {
    Job {
        id: JobId(id),
        request,
        door,
        idempotency_key: None,
        state,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: Some(Generation(1)),
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        ended_at: None,
    }
}

fn update(text: &str) -> Request {
    Request::Update { packages: list(text), dry_run: false, approve: Vec::new(), release: None, bundle: None }
}

const BACK: Request = Request::Rollback { to: None, approve: Vec::new(), from: None };

#[test]
fn somebody_elses_job_is_not_taken_for_ours() {
    let ours = |job: &Job| is_ours(job, &order("demo-app"), JobId(4));
    assert!(ours(&job(5, Door::Legacy, update("demo-app"), JobState::Applying)));
    assert!(!ours(&job(4, Door::Legacy, update("demo-app"), JobState::Committed)), "was there before");
    assert!(!ours(&job(5, Door::Server, update("demo-app"), JobState::Applying)), "came from elsewhere");
    assert!(!ours(&job(5, Door::Legacy, update("other"), JobState::Applying)), "another list");
    assert!(!ours(&job(5, Door::Legacy, BACK, JobState::RollingBack)), "a rollback");
    assert!(is_ours(&job(5, Door::Legacy, BACK, JobState::RollingBack), &Order::Rollback, JobId(4)));
}

#[test]
fn every_end_of_a_job_has_its_outcome() {
    use belay_protocol::Reason;
    let outcome = |request: Request, state, reason: Option<Reason>| {
        let verdict = follow::verdict(&Job { reason, ..job(1, Door::Tcp, request, state) });
        (verdict.outcome, verdict.reason)
    };
    let app = || update("demo-app");
    assert_eq!(outcome(app(), JobState::Committed, None), (Outcome::Done, None));
    let failed = (Outcome::Undone, Some("apply_failed".to_owned()));
    assert_eq!(outcome(app(), JobState::RolledBack, Some(Reason::ApplyFailed)), failed);
    let busy = (Outcome::Refused, Some("lockdown".to_owned()));
    assert_eq!(outcome(app(), JobState::Refused, Some(Reason::Lockdown)), busy);
    let lost = (Outcome::NeedsAttention, Some("undo_failed".to_owned()));
    assert_eq!(outcome(app(), JobState::NeedsAttention, Some(Reason::UndoFailed)), lost);
    assert_eq!(outcome(BACK, JobState::RolledBack, None), (Outcome::Done, None));
    let nothing = (Outcome::Refused, Some("nothing_to_undo".to_owned()));
    assert_eq!(outcome(BACK, JobState::Refused, Some(Reason::NothingToUndo)), nothing);
}
