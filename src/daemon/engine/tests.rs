//! The loop with a host in memory: what is remembered, what stops it, what it tells doors.

use std::sync::Mutex;
use std::time::Duration;

use belay_protocol::job::Generation;
use belay_protocol::plan::{Action, Candidate, Change, Plan, UndoCost};
use belay_protocol::sync::{self, Assignment, AssignmentRef, ReportStatus};
use belay_protocol::{Architecture, Closure, PackageId, PackageList, Sha256};
use tempfile::TempDir;

use super::*;
use crate::host::Content;
use crate::machine::effect::{Applied, Arrived, Facts, Inspected, Inspection, Planned, Reboot, Survey, Undone};
use crate::machine::rules::{GuardRules, PolicyRules};

/// What an effect of a test's host waits for.
type Gate = Box<dyn Fn(&Effect) + Send + Sync>;

/// A host that succeeds at everything, once its gate lets an effect through.
struct Obedient {
    gate: Gate,
    done: Mutex<Vec<Effect>>,
    /// Whether it cannot say what its ledger holds.
    dumb: bool,
}

impl Host for Obedient {
    fn perform(&self, effect: &Effect, _: &dyn Fn(Progress)) -> Outcome {
        (self.gate)(effect);
        self.done.lock().unwrap().push(effect.clone());
        match effect {
            Effect::Survey if self.dumb => effect.failed(Failure::new(Reason::State, "another version")),
            Effect::Survey => Outcome::Surveyed(Ok(Survey::default())),
            Effect::Plan { request, .. } => Outcome::Planned(Ok(plan_of(request))),
            Effect::Download { .. } => Outcome::Downloaded(Ok(arrived())),
            Effect::Reboot { .. } => Outcome::Rebooting(Ok(Reboot::Done)),
            Effect::Fetch { .. } => Outcome::Fetched(Ok(())),
            Effect::Capture { .. } => Outcome::Captured(Ok(Vec::new())),
            Effect::Apply { .. } => Outcome::Applied(Applied::Done),
            Effect::Verify { .. } => Outcome::Verified(Ok(Default::default())),
            Effect::Commit { job } => Outcome::Committed(Ok(Generation(job.0))),
            Effect::RollBack { .. } => {
                Outcome::RolledBack(Ok(Undone { generation: Generation(0), forced: Vec::new(), reported: Vec::new() }))
            }
            Effect::Discard { .. } => Outcome::Discarded(Ok(())),
        }
    }

    fn receive(&self, download: &Effect, _: &mut dyn Content) -> Result<Arrived, Failure> {
        (self.gate)(download);
        self.done.lock().unwrap().push(download.clone());
        Ok(arrived())
    }

    fn inspect(&self, _: &Inspection) -> Result<Inspected, Failure> {
        Ok(Inspected::Findings(Vec::new()))
    }
}

struct Life {
    handle: Handle,
    stop: watch::Sender<bool>,
    host: Arc<Obedient>,
    engine: JoinHandle<Result<(), EngineError>>,
    _folder: Option<TempDir>,
}

fn begin_with(opened: (Journal, State, Vec<String>), gate: Gate) -> Life {
    begin_on(Obedient { gate, done: Mutex::new(Vec::new()), dumb: false }, opened)
}

fn begin_on(host: Obedient, (journal, state, _): (Journal, State, Vec<String>)) -> Life {
    let host = Arc::new(host);
    let (engine, handle) =
        Engine::new(host.clone(), journal, state, permissive(), Clock::new(None).unwrap(), Vec::new());
    let (stop, stopping) = watch::channel(false);
    let engine = tokio::spawn(engine.run(stopping, || {}));
    Life { handle, stop, host, engine, _folder: None }
}

fn begin(gate: Gate) -> Life {
    let folder = tempfile::tempdir().unwrap();
    let life = begin_with(Journal::open(folder.path()).unwrap(), gate);
    Life { _folder: Some(folder), ..life }
}

/// With a journal that holds about 300 lines of [`large_update`].
fn begin_small(gate: Gate) -> Life {
    let folder = tempfile::tempdir().unwrap();
    let life = begin_with(Journal::open_sized(folder.path(), 64 << 10).unwrap(), gate);
    Life { _folder: Some(folder), ..life }
}

impl Life {
    async fn asks(&self, request: Request) -> Result<Admitted, Denial> {
        self.handle.request(request, Door::Socket, None).await
    }

    /// Takes the server's assignment of this attempt.
    async fn hears(&self, attempt: u32, packages: PackageList) {
        let id = AssignmentRef { deployment: "spring".parse().unwrap(), attempt };
        let release = "v2".parse().unwrap();
        let action =
            sync::Action::InstallPackages { release, packages, closure: None, approve: Vec::new(), manifest: None };
        let assignment = Some(Assignment { id, action, spread_s: 0 });
        self.handle.answered(SyncResponse { assignment, ..idle() }).await.expect("the engine should live");
    }

    /// The newest report.
    fn told(&self) -> sync::Report {
        self.handle.view().borrow().state.outbox.pending.back().cloned().expect("something should be told")
    }

    async fn ends(&self, id: JobId) -> Job {
        let mut view = self.handle.view();
        let ended = |view: &Arc<View>| view.state.job(id).is_some_and(|job| job.state.is_end());
        view.wait_for(ended).await.expect("the engine should live").state.job(id).unwrap().clone()
    }
}

#[tokio::test]
async fn large_lists_one_after_the_other_never_fill_the_journal() {
    let life = begin(Box::new(|_| {}));
    for id in 1..=6 {
        let admitted = life.asks(large_update(id, 4_900)).await.expect("it is legal");
        assert_eq!(life.ends(admitted.job).await.state, JobState::Committed);
    }
    let first = life.handle.view().borrow().state.job(JobId(1)).unwrap().clone();
    assert!(first.message.contains("its list of 4900 packages is no longer kept"), "{}", first.message);
}

#[tokio::test]
async fn a_list_that_does_not_fit_is_denied_and_the_daemon_lives() {
    let life = begin_small(Box::new(|_| {}));
    let denial = life.asks(large_update(1, 400)).await.expect_err("this journal does not hold it");
    assert_eq!(denial.failure.reason, Reason::State);
    assert!(denial.failure.message.contains("split it"), "{}", denial.failure.message);
    let admitted = life.asks(large_update(1, 10)).await.expect("the daemon lives");
    assert_eq!((admitted.job, life.ends(admitted.job).await.state), (JobId(1), JobState::Committed));
}

#[tokio::test]
async fn an_assignment_that_does_not_fit_is_told_as_failed_and_the_daemon_lives() {
    let life = begin_small(Box::new(|_| {}));
    let Request::Update { packages, .. } = large_update(1, 400) else { unreachable!() };
    life.hears(1, packages).await;
    let told = life.told();
    assert_eq!((told.status, told.reason.as_deref()), (ReportStatus::Failed, Some("state")));
    assert!(told.message.contains("split the list"), "{}", told.message);
    life.hears(2, "demo-app".parse().unwrap()).await;
    assert_eq!(life.ends(JobId(1)).await.state, JobState::Committed);
}

#[tokio::test]
async fn an_end_arrives_without_the_closure_that_does_not_fit() {
    let life = begin_small(Box::new(|_| {}));
    life.hears(1, "demo-app".parse().unwrap()).await;
    life.ends(JobId(1)).await;
    assert!(life.told().closure.is_some());
    life.hears(2, "demo-wide".parse().unwrap()).await;
    assert_eq!(life.ends(JobId(2)).await.state, JobState::Committed);
    let told = life.told();
    assert_eq!((told.assignment.unwrap().attempt, told.status), (2, ReportStatus::Completed));
    assert_eq!(told.closure, None);
}

#[tokio::test]
async fn a_new_journal_begins_an_outbox_and_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, state, damage) = Journal::open(folder.path()).unwrap();
    let name = state.outbox.id.clone();
    assert_eq!(name.len(), 32);
    let life = begin_with((journal, state, damage), Box::new(|_| {}));
    let admitted = life.asks(large_update(1, 1)).await.expect("it is legal");
    life.ends(admitted.job).await;
    life.stop.send_replace(true);
    life.engine.await.unwrap().unwrap();
    assert_eq!(Journal::open(folder.path()).unwrap().1.outbox.id, name);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Journal::open(other.path()).unwrap().1.outbox.id, name);
}

#[tokio::test]
async fn another_outbox_is_durable_when_it_is_told_and_begun_once() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, state, damage) = Journal::open(folder.path()).unwrap();
    let name = state.outbox.id.clone();
    let life = begin_with((journal, state, damage), Box::new(|_| {}));
    for seq in [1, 2] {
        let admitted = life.asks(large_update(1, 1)).await.expect("it is legal");
        life.ends(admitted.job).await;
        assert_eq!(life.handle.view().borrow().state.outbox.last, seq);
    }
    life.handle.answered(SyncResponse { acknowledged: Some(1), ..idle() }).await.unwrap();
    life.handle.another_outbox(name.clone()).await.unwrap();
    let outbox = life.handle.view().borrow().state.outbox.clone();
    assert_ne!(outbox.id, name);
    assert_eq!(outbox.pending.iter().map(|report| report.seq).collect::<Vec<_>>(), [1]);
    life.handle.another_outbox(name).await.unwrap();
    life.stop.send_replace(true);
    life.engine.await.unwrap().unwrap();
    assert_eq!(Journal::open(folder.path()).unwrap().1.outbox, outbox);
}

#[tokio::test]
async fn a_plan_that_does_not_fit_is_refused_and_the_daemon_lives() {
    let life = begin_small(Box::new(|_| {}));
    let admitted = life.asks(large_update(1, 200)).await.expect("the list alone fits");
    let ended = life.ends(admitted.job).await;
    assert_eq!((ended.state, ended.reason), (JobState::Refused, Some(Reason::State)));
    assert!(ended.message.contains("split the list"), "{}", ended.message);
    assert!(!life.engine.is_finished());
}

/// Lets effects through that are not `held`; that one waits until the sender says so or is gone.
fn hold(held: fn(&Effect) -> bool) -> (std::sync::mpsc::Sender<()>, Gate) {
    let (release, wait) = std::sync::mpsc::channel();
    let wait = Mutex::new(wait);
    let gate = move |effect: &Effect| {
        if held(effect) {
            let _ = wait.lock().unwrap().recv();
        }
    };
    (release, Box::new(gate))
}

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_stop_ends_the_daemon_while_the_host_is_away() {
    let (release, gate) = hold(|effect| matches!(effect, Effect::Survey));
    let life = begin(gate);
    let handle = life.handle.clone();
    let asked = tokio::spawn(async move { handle.request(large_update(1, 1), Door::Socket, None).await });
    tokio::task::yield_now().await;
    life.stop.send(true).unwrap();
    tokio::time::timeout(SOON, life.engine).await.expect("it stops").unwrap().unwrap();
    let denial = asked.await.unwrap().expect_err("the agent stops");
    assert_eq!(denial.failure.reason, Reason::Stopping);
    drop(release);
}

#[tokio::test]
async fn a_stop_begins_nothing_new_and_the_job_goes_on_after_the_restart() {
    type Held = fn(&Effect) -> bool;
    for (held, during, next) in [
        ((|effect| matches!(effect, Effect::Fetch { .. })) as Held, JobState::Fetching, JobState::Capturing),
        (|effect| matches!(effect, Effect::Apply { .. }), JobState::Applying, JobState::Verifying),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (release, gate) = hold(held);
        let life = begin_with(Journal::open(folder.path()).unwrap(), gate);
        let job = life.asks(large_update(1, 1)).await.unwrap().job;
        let in_it = |view: &Arc<View>| view.state.running.as_ref().is_some_and(|running| running.job.state == during);
        life.handle.view().wait_for(in_it).await.unwrap();
        life.stop.send(true).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        release.send(()).unwrap();
        tokio::time::timeout(SOON, life.engine).await.expect("it stops").unwrap().unwrap();
        assert!(held(life.host.done.lock().unwrap().last().unwrap()), "the effect under way is the last one");
        let opened = Journal::open(folder.path()).unwrap();
        assert_eq!(opened.1.running.as_ref().unwrap().job.state, next);
        let again = begin_with(opened, Box::new(|_| {}));
        assert_eq!(again.ends(job).await.state, JobState::Committed);
    }
}

#[tokio::test]
async fn a_host_that_cannot_say_what_its_ledger_holds_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let host = Obedient { gate: Box::new(|_| {}), done: Mutex::new(Vec::new()), dumb: true };
    let life = begin_on(host, Journal::open(folder.path()).unwrap());
    let ended = tokio::time::timeout(SOON, life.engine).await.expect("it ends").unwrap();
    assert!(matches!(ended, Err(EngineError::Survey(failure)) if failure.message == "another version"));
}

/// An update of `count` packages whose lines have 200 bytes each.
/// An answer with nothing in it.
fn idle() -> SyncResponse {
    SyncResponse {
        now: jiff::Timestamp::UNIX_EPOCH,
        next_s: 60,
        authorized: true,
        acknowledged: None,
        send_profile: false,
        assignment: None,
        cancel: None,
    }
}

fn large_update(id: usize, count: usize) -> Request {
    let lines: Vec<String> =
        (0..count).map(|line| format!("p{id}-{line:05}-{}={}", "x".repeat(90), "1".repeat(98))).collect();
    let packages = PackageList::from_lines(lines.iter().map(String::as_str)).unwrap();
    Request::Update { packages, dry_run: false, approve: Vec::new(), release: None, bundle: None }
}

fn plan_of(request: &Request) -> Planned {
    let Request::Update { packages, .. } = request else {
        return Planned { plan: plan(Vec::new()), facts: facts(), warnings: Vec::new(), closure: None };
    };
    let changes = packages.specs().iter().map(|spec| install(&spec.package)).collect();
    // One that a small journal cannot hold, where a package asks for that.
    let wide = packages.specs().iter().any(|spec| spec.package.name().as_str() == "demo-wide");
    let member = |number| format!("demo-{number}=1.0").parse().unwrap();
    let closure = Closure { packages: (0..if wide { 6_000 } else { 1 }).map(member).collect(), removed: Vec::new() };
    Planned { plan: plan(changes), facts: facts(), warnings: Vec::new(), closure: Some(closure) }
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        changes,
        status: Sha256::from_bytes([7; 32]),
        download_bytes: 1_000,
        undo: UndoCost::default(),
        files: Vec::new(),
    }
}

fn arrived() -> Arrived {
    Arrived { version: "2.0".parse().unwrap(), packages: PackageList::default(), warnings: Vec::new() }
}

fn facts() -> Facts {
    Facts { free_bytes: 1 << 40, denied: Vec::new() }
}

fn install(package: &PackageId) -> Change {
    let architecture: Architecture = "all".parse().unwrap();
    Change {
        package: package.clone(),
        action: Action::Install,
        old: None,
        new: Some(Candidate {
            version: "1".parse().unwrap(),
            architecture,
            origins: vec!["Demo:1/stable".to_owned()],
            uri: "file:/pool/x.deb".to_owned(),
            file_name: "x.deb".to_owned(),
            size: 1_000,
            sha256: Sha256::from_bytes([7; 32]),
        }),
        asked: true,
        held: false,
    }
}

fn permissive() -> Rules {
    Rules {
        guard: GuardRules {
            allowed_origins: Vec::new(),
            allow_boot: false,
            protected: Vec::new(),
            one_way: Vec::new(),
            boot: Vec::new(),
            paths: Vec::new(),
            reserve_bytes: 0,
        },
        policy: PolicyRules {
            lockdown: false,
            windows: Vec::new(),
            not_before: jiff::Timestamp::UNIX_EPOCH,
            server_rollback_within: crate::machine::rules::defaults::SERVER_ROLLBACK_WITHIN,
            server_may_approve: Vec::new(),
        },
    }
}
