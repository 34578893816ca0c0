//! The host of a simulated device: what is installed, and a ledger that survives crashes.

use belay_agent::machine::effect::{Applied, Closed, Effect, Facts, OpenTransaction, Outcome, Planned, Survey, Undone};
use belay_protocol::health::{CheckResult, Health};
use belay_protocol::job::{Generation, JobId, JobState, Request};
use belay_protocol::plan::{Action, Candidate, Change, Installed, Plan, UndoCost};
use belay_protocol::{Closure, Failure, Reason, ReleaseVersion, Sha256};
use jiff::Timestamp;

/// What is installed, and what the host did.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// The generations from the first to the one in force: number, release, version of the package.
    stack: Vec<(u64, Option<ReleaseVersion>, String)>,
    /// The version of the package that is on the disk, whatever the ledger says.
    disk: String,
    newest: u64,
    open: Option<OpenTransaction>,
    closed: Vec<Closed>,
    /// The version that the open transaction goes to.
    target: String,
    release: Option<ReleaseVersion>,
    /// Versions that make this device ill.
    pub(super) ill_with: Vec<String>,
    /// Versions that its archive does not have: it has the next one.
    pub(super) lacks: Vec<String>,
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            stack: vec![(0, None, "1.0".to_owned())],
            disk: "1.0".to_owned(),
            newest: 0,
            open: None,
            closed: Vec::new(),
            target: String::new(),
            release: None,
            ill_with: Vec::new(),
            lacks: Vec::new(),
        }
    }

    fn top(&self) -> &(u64, Option<ReleaseVersion>, String) {
        self.stack.last().expect("the first generation never goes")
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.top().0)
    }

    /// The release that is measured: in force and really on the disk.
    pub(super) fn measured(&self) -> Option<ReleaseVersion> {
        self.top().1.clone().filter(|_| self.is_whole())
    }

    /// Whether the disk is as the generation in force says.
    pub(super) fn is_whole(&self) -> bool {
        self.disk == self.top().2
    }

    pub(super) fn survey(&self) -> Survey {
        let generation = self.generation();
        Survey {
            generation,
            generations: Vec::new(),
            open: self.open.clone(),
            closed: self.closed.clone(),
            damage: Vec::new(),
        }
    }

    /// What an effect changes as soon as it begins.
    pub(super) fn begin(&mut self, effect: &Effect) {
        match effect {
            Effect::Apply { .. } => self.touch(self.target.clone()),
            Effect::RollBack { .. } => {
                if let Some(open) = &mut self.open {
                    open.touched = true;
                }
            }
            Effect::Survey
            | Effect::Download { .. }
            | Effect::Reboot { .. }
            | Effect::Plan { .. }
            | Effect::Fetch { .. }
            | Effect::Capture { .. }
            | Effect::Verify { .. }
            | Effect::Commit { .. }
            | Effect::Discard { .. } => {}
        }
    }

    fn touch(&mut self, version: String) {
        if let Some(open) = &mut self.open {
            open.touched = true;
            self.disk = version;
        }
    }

    /// What it has done when it ends.
    pub(super) fn finish(&mut self, effect: &Effect, at: Timestamp) -> Outcome {
        match effect {
            Effect::Survey => Outcome::Surveyed(Ok(self.survey())),
            Effect::Plan { job, request, assignment } => {
                self.open = Some(OpenTransaction {
                    job: *job,
                    request: request.clone(),
                    touched: false,
                    stuck: None,
                    awaits_reboot: false,
                    assignment: assignment.clone(),
                });
                Outcome::Planned(self.plan(request))
            }
            // No release of this world is a bundle, and no package wants a restart.
            Effect::Download { .. } | Effect::Reboot { .. } => {
                effect.failed(Failure::new(Reason::State, "this world has no bundles"))
            }
            Effect::Fetch { .. } => Outcome::Fetched(Ok(())),
            Effect::Capture { .. } => Outcome::Captured(Ok(Vec::new())),
            Effect::Apply { .. } => Outcome::Applied(Applied::Done),
            Effect::Verify { .. } => Outcome::Verified(Ok(self.health())),
            Effect::Commit { job } => Outcome::Committed(Ok(self.commit(*job, at))),
            Effect::RollBack { because, .. } => Outcome::RolledBack(Ok(self.take_back(because, at))),
            Effect::Discard { .. } => {
                self.open = None;
                Outcome::Discarded(Ok(()))
            }
        }
    }

    fn plan(&mut self, request: &Request) -> Result<Planned, Failure> {
        let (version, closure) = match request {
            Request::Rollback { from, .. } => {
                if from.is_some() && *from != self.top().1 {
                    return Err(Failure::new(Reason::OtherRelease, "another release is in force"));
                }
                let before = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
                let before =
                    before.ok_or_else(|| Failure::new(Reason::NothingToUndo, "there is nothing to go back to"))?;
                (before.2.clone(), None)
            }
            Request::Update { release, .. } => {
                let order = release.as_ref().expect("only servers ask");
                let wanted = order.version.as_str().to_owned();
                let has = if self.lacks.contains(&wanted) { format!("{wanted}+1") } else { wanted };
                let has = format!("demo-app={has}");
                let resolved = Closure { packages: vec![has.parse().expect("a package")], removed: Vec::new() };
                if order.closure.as_ref().is_some_and(|closure| *closure != resolved) {
                    return Err(Failure::new(Reason::ClosureUnavailable, "the archive has another version"));
                }
                self.release = Some(order.version.clone());
                (has.trim_start_matches("demo-app=").to_owned(), Some(resolved))
            }
        };
        self.target.clone_from(&version);
        let changes = if version == self.disk { Vec::new() } else { vec![change(&self.disk, &version)] };
        let plan = Plan {
            changes,
            status: Sha256::from_bytes([7; 32]),
            download_bytes: 1_000,
            undo: UndoCost::default(),
            files: Vec::new(),
        };
        let facts = Facts { free_bytes: 1 << 40, denied: Vec::new() };
        Ok(Planned { plan, facts, warnings: Vec::new(), closure })
    }

    fn health(&self) -> Health {
        let passed = !self.ill_with.iter().any(|ill| self.disk.starts_with(ill.as_str()));
        let check = CheckResult { name: "web".to_owned(), required: true, passed, message: "looked".to_owned() };
        Health { checks: vec![check], ..Health::default() }
    }

    fn commit(&mut self, job: JobId, at: Timestamp) -> Generation {
        if self.open.as_ref().is_some_and(|open| open.job == job) {
            self.newest += 1;
            self.stack.push((self.newest, self.release.clone(), self.target.clone()));
            self.close(JobState::Committed, None, at);
        }
        self.generation()
    }

    fn take_back(&mut self, because: &Failure, at: Timestamp) -> Undone {
        if let Some(open) = self.open.clone() {
            if open.request.is_rollback() {
                self.stack.pop();
            }
            self.disk = self.top().2.clone();
            let reason = (because.reason != Reason::Requested).then_some(because.reason);
            self.close(JobState::RolledBack, reason, at);
        }
        Undone { generation: self.generation(), forced: Vec::new(), reported: Vec::new() }
    }

    fn close(&mut self, end: JobState, reason: Option<Reason>, at: Timestamp) {
        let Some(open) = self.open.take() else { return };
        let (generation, message) = (self.generation(), String::new());
        let OpenTransaction { job, request, assignment, .. } = open;
        self.closed.push(Closed { job, request, end, reason, message, generation, at, assignment });
        let excess = self.closed.len().saturating_sub(20);
        self.closed.drain(..excess);
    }

    /// What the guard does at the next start after the power was cut in the middle of an effect, which may have been
    /// carried out.
    pub(super) fn boot(&mut self, cut: Option<&Effect>, was_done: bool, at: Timestamp) {
        if let Some(effect @ (Effect::Commit { .. } | Effect::RollBack { .. })) = cut.filter(|_| was_done) {
            self.finish(effect, at);
        }
        if let Some(open) = self.open.clone().filter(|open| open.touched) {
            let reason = if open.request.is_rollback() { Reason::Requested } else { Reason::Interrupted };
            self.take_back(&Failure::new(reason, "interrupted"), at);
        }
    }
}

fn change(old: &str, new: &str) -> Change {
    let architecture: belay_protocol::Architecture = "all".parse().expect("a name");
    Change {
        package: "demo-app".parse().expect("a name"),
        action: Action::Upgrade,
        old: Some(Installed { version: old.parse().expect("a version"), architecture: architecture.clone() }),
        new: Some(Candidate {
            version: new.parse().expect("a version"),
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
