//! A machine with a history of inputs; a test states only its own difference.

use std::collections::VecDeque;

use belay_protocol::bundle::{BundleOrder, BundleSource};
use belay_protocol::health::{CheckResult, Health};
use belay_protocol::job::{Door, Generation, Job, JobId, JobState, Request};
use belay_protocol::plan::{Action, Candidate, Change, Installed, Plan, UndoCost};
use belay_protocol::sync::{self, Assignment, AssignmentRef, ReportStatus};
use belay_protocol::{Failure, PackageList, Reason, Sha256};
use jiff::Timestamp;
use jiff::civil::Weekday;

use crate::machine::effect::{Applied, Arrived, Effect, Facts, Outcome, Planned, Reboot, Survey, Undone};
use crate::machine::input::{Input, Moment};
use crate::machine::rules::{GuardRules, PolicyRules, Rules, defaults};
use crate::machine::state::State;
use crate::machine::step;

/// A machine, its rules, and the effects that it asked for and nobody carried out yet.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) state: State,
    pub(super) rules: Rules,
    pub(super) effects: VecDeque<Effect>,
}

pub(super) fn given() -> World {
    World { state: State::default(), rules: permissive(), effects: VecDeque::new() }
}

impl World {
    pub(super) fn when(mut self, input: Input) -> Self {
        let (state, effects) = step(self.state, &self.rules, &noon(), input);
        self.state = state;
        self.effects.extend(effects);
        self
    }

    /// Completes the next effect, which must be for `job`, with this outcome.
    pub(super) fn completes(mut self, outcome: Outcome) -> Self {
        let effect = self.effects.pop_front().expect("an effect should be waiting");
        self.when(Input::Completed { job: effect.job(), outcome })
    }

    /// Asserts which effects wait, and takes none.
    #[track_caller]
    pub(super) fn then(self, expected: &[Effect]) -> Self {
        assert_eq!(Vec::from(self.effects.clone()), expected);
        self
    }

    #[track_caller]
    pub(super) fn job(&self, id: u64) -> &Job {
        self.state.job(JobId(id)).expect("the job should be remembered")
    }

    /// Lets the next effects succeed until none waits.
    pub(super) fn succeeds(mut self) -> Self {
        for _ in 0..100 {
            let Some(effect) = self.effects.front().cloned() else { return self };
            self = self.completes(success(&effect));
        }
        panic!("the machine asks for effects for ever: {:?}", self.effects);
    }

    /// Lets effects succeed until the next one is of this kind.
    pub(super) fn until(mut self, wanted: impl Fn(&Effect) -> bool) -> Self {
        for _ in 0..100 {
            let effect = self.effects.front().cloned().expect("an effect should be waiting");
            if wanted(&effect) {
                return self;
            }
            self = self.completes(success(&effect));
        }
        panic!("that effect never came");
    }

    /// The daemon's death and new start, with what the ledger holds.
    pub(super) fn restarts(mut self, survey: Survey) -> Self {
        self.effects.clear();
        self.when(Input::Started { survey })
    }
}

/// What a healthy host answers.
pub(super) fn success(effect: &Effect) -> Outcome {
    match effect {
        Effect::Survey => Outcome::Surveyed(Ok(Survey::default())),
        Effect::Plan { .. } => Outcome::Planned(Ok(planned(vec![upgrade("demo-app", "1.0", "2.0")]))),
        Effect::Download { .. } => Outcome::Downloaded(Ok(arrived())),
        Effect::Reboot { .. } => Outcome::Rebooting(Ok(Reboot::Done)),
        Effect::Fetch { .. } => Outcome::Fetched(Ok(())),
        Effect::Capture { .. } => Outcome::Captured(Ok(Vec::new())),
        Effect::Apply { .. } => Outcome::Applied(Applied::Done),
        Effect::Verify { .. } => Outcome::Verified(Ok(Health::default())),
        Effect::Commit { job } => Outcome::Committed(Ok(Generation(job.0))),
        Effect::RollBack { .. } => Outcome::RolledBack(Ok(undone())),
        Effect::Discard { .. } => Outcome::Discarded(Ok(())),
    }
}

pub(super) fn arrived() -> Arrived {
    Arrived { version: "2.0".parse().unwrap(), packages: PackageList::default(), warnings: Vec::new() }
}

pub(super) fn update(packages: &[&str]) -> Input {
    Input::Requested { request: update_request(packages), door: Door::Socket, idempotency_key: None }
}

pub(super) fn update_request(packages: &[&str]) -> Request {
    let packages = belay_protocol::PackageList::from_lines(packages.iter().copied()).unwrap();
    Request::Update { packages, dry_run: false, approve: Vec::new(), release: None, bundle: None }
}

pub(super) fn bundle() -> Input {
    Input::Requested { request: bundle_request(), door: Door::Socket, idempotency_key: None }
}

pub(super) fn bundle_request() -> Request {
    let packages = PackageList::default();
    Request::Update { packages, dry_run: false, approve: Vec::new(), release: None, bundle: Some(bundle_order()) }
}

pub(super) fn bundle_order() -> Box<BundleOrder> {
    let source = BundleSource::Upload;
    Box::new(BundleOrder { source, sha256: digest(), size: Some(1_000), version: None, manifest: None })
}

pub(super) fn rollback() -> Input {
    let request = Request::Rollback { to: None, approve: Vec::new(), from: None };
    Input::Requested { request, door: Door::Socket, idempotency_key: None }
}

pub(super) fn planned(changes: Vec<Change>) -> Planned {
    let plan = Plan { changes, status: digest(), download_bytes: 1_000, undo: UndoCost::default(), files: Vec::new() };
    Planned { plan, facts: Facts { free_bytes: 1 << 40, denied: Vec::new() }, warnings: Vec::new(), closure: None }
}

pub(super) fn upgrade(package: &str, old: &str, new: &str) -> Change {
    let architecture: belay_protocol::Architecture = "all".parse().unwrap();
    Change {
        package: package.parse().unwrap(),
        action: Action::Upgrade,
        old: Some(Installed { version: old.parse().unwrap(), architecture: architecture.clone() }),
        new: Some(Candidate {
            version: new.parse().unwrap(),
            architecture,
            origins: vec!["Demo:1/stable".to_owned()],
            uri: "file:/pool/x.deb".to_owned(),
            file_name: "x.deb".to_owned(),
            size: 1_000,
            sha256: digest(),
        }),
        asked: true,
        held: false,
    }
}

pub(super) fn undone() -> Undone {
    Undone { generation: Generation(0), forced: Vec::new(), reported: Vec::new() }
}

pub(super) fn unhealthy() -> Health {
    let check = CheckResult {
        name: "web".to_owned(),
        required: true,
        passed: false,
        message: "http://localhost/ answered 500".to_owned(),
    };
    Health { checks: vec![check], ..Health::default() }
}

pub(super) fn failure(reason: Reason) -> Failure {
    Failure::new(reason, "because the test says so")
}

pub(super) fn state_of(world: &World, job: u64) -> (JobState, Option<Reason>) {
    let job = world.job(job);
    (job.state, job.reason)
}

pub(super) fn noon() -> Moment {
    Moment { at: Timestamp::from_second(1_800_000_000).unwrap(), weekday: Weekday::Monday, minute: 720 }
}

fn digest() -> Sha256 {
    Sha256::from_bytes([7; 32])
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
            not_before: Timestamp::UNIX_EPOCH,
            server_rollback_within: defaults::SERVER_ROLLBACK_WITHIN,
            server_may_approve: Vec::new(),
        },
    }
}

/// The n-th attempt of the one deployment.
pub(super) fn attempt(number: u32) -> AssignmentRef {
    AssignmentRef { deployment: "spring".parse().unwrap(), attempt: number }
}

/// The n-th attempt, which installs.
pub(super) fn assignment(number: u32) -> Assignment {
    let packages = belay_protocol::PackageList::from_lines(["demo-app"]).unwrap();
    let release = "v2.0".parse().unwrap();
    let action =
        sync::Action::InstallPackages { release, packages, closure: None, approve: Vec::new(), manifest: None };
    Assignment { id: attempt(number), action, spread_s: 0 }
}

/// The n-th attempt, which installs a bundle.
pub(super) fn bundle_assignment(number: u32) -> Assignment {
    let action = sync::Action::InstallBundle {
        release: "v2.0".parse().unwrap(),
        sha256: digest(),
        size: 1_000,
        url: None,
        manifest: None,
        closure: None,
        approve: Vec::new(),
    };
    Assignment { id: attempt(number), action, spread_s: 0 }
}

/// The n-th attempt, which goes back.
pub(super) fn order_back(number: u32) -> Assignment {
    let action = sync::Action::RollBack { release: Some("v2.0".parse().unwrap()) };
    Assignment { id: attempt(number), action, spread_s: 0 }
}

/// The server's answer with this assignment.
pub(super) fn offered(assignment: Assignment) -> Input {
    Input::Answered { acknowledged: None, assignment: Some(assignment), cancel: None }
}

/// What is pending, in short.
pub(super) fn told(world: &World) -> Vec<(Option<u32>, ReportStatus, Option<String>)> {
    let short =
        |report: &sync::Report| (report.assignment.as_ref().map(|id| id.attempt), report.status, report.reason.clone());
    world.state.outbox.pending.iter().map(short).collect()
}
