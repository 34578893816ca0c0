//! The fleet: devices with a will of their own, and the shell that the domain runs in.

use belay_protocol::admin::{DeploymentKind, DeploymentStatus, Policy, Strategy};
use belay_protocol::sync::{AssignmentRef, Report, ReportStatus};
use belay_protocol::{Closure, PackageList};
use jiff::Timestamp;

use super::invariants::{check_decision, check_rest};
use crate::domain::rollout::{Act, Candidate, Decision, Situation, Tally, Working, apply, decide};
use crate::domain::testing::{assignment, at, deployment, device, install, report};
use crate::domain::{Assignment, AssignmentStatus, Deployment, Device, order, progress, verbs};

/// What a run is about.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) devices: usize,
    /// Every so many devices one never picks up what it is offered; none does, where it is zero.
    pub(super) deaf_every: usize,
    /// Every so many devices one goes away for ever in the end; none does, where it is zero.
    pub(super) gone_every: usize,
    pub(super) kind: DeploymentKind,
    pub(super) strategy: Strategy,
    pub(super) policy: Policy,
    pub(super) standing: bool,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The clock moves, perhaps backwards.
    Clock(i32),
    /// A device asks, does the next thing, and reports it; how a job ends is up to the second number.
    Poll(usize, u8),
    /// The same, but what the device says and what it is told are lost.
    Lost(usize),
    /// A device goes away, or comes back.
    Toggle(usize),
    /// Somebody installs another version by hand.
    Tamper(usize, u8),
    /// An operator.
    Verb(u8),
    /// A new device comes to match.
    Join,
}

/// A device and the server's record of it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) device: Device,
    pub(super) assignment: Assignment,
    pub(super) reachable: bool,
    pub(super) deaf: bool,
    /// It never comes back.
    pub(super) gone: bool,
    /// The attempt that it works on, and how far it is.
    job: Option<(u32, usize)>,
    outbox: Vec<Report>,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) deployment: Deployment,
    pub(super) members: Vec<Member>,
    pub(super) now: Timestamp,
    /// How often a device began what the server had taken back or given up: it is at work without an offer.
    pub(super) strays: u64,
}

const STAGES: [ReportStatus; 3] = [ReportStatus::Downloading, ReportStatus::Installing, ReportStatus::Verifying];

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        let mut deployment = Deployment {
            kind: setup.kind,
            strategy: setup.strategy,
            policy: setup.policy.clone(),
            status: DeploymentStatus::Pending,
            frozen: None,
            started_at: None,
            ..deployment()
        };
        deployment.channel = setup.standing.then_some(1);
        let devices = setup.devices;
        let mut world = Self { setup, deployment, members: Vec::new(), now: at(0), strays: 0 };
        (0..devices).for_each(|_| world.join());
        world.settle();
        world
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Clock(seconds) => self.now += jiff::SignedDuration::from_secs((*seconds).into()),
            Step::Poll(index, luck) => {
                let index = self.member(*index);
                self.work(index, *luck);
                self.sync(index);
            }
            Step::Lost(index) => {
                let index = self.member(*index);
                self.work(index, 0);
            }
            Step::Toggle(index) => {
                let index = self.member(*index);
                self.members[index].reachable = !self.members[index].reachable;
            }
            Step::Tamper(index, version) => {
                let index = self.member(*index);
                let version = [None, Some("1.0"), Some("2.0"), Some("3.0")][usize::from(*version) % 4];
                install(&mut self.members[index].device, version);
            }
            Step::Verb(number) => self.verb(*number),
            Step::Join => self.join(),
        }
        self.settle();
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for Member { assignment, .. } in &self.members {
            let reason = assignment.reason.as_deref();
            tally.count(assignment.status, assignment.begun, reason, assignment.not_before, self.now);
        }
        tally
    }

    fn member(&self, index: usize) -> usize {
        index % self.members.len()
    }

    fn join(&mut self) {
        let number = self.members.len();
        let mut device = device(&format!("dev-{number}"));
        if self.deployment.kind == DeploymentKind::RollBack {
            install(&mut device, Some("2.0"));
        }
        let assignment = Assignment {
            device: device.id.clone(),
            rank: order::rank(&self.deployment.id, &device.id),
            from_version: None,
            ..assignment(AssignmentStatus::Pending)
        };
        let deaf = self.setup.deaf_every > 0 && number.is_multiple_of(self.setup.deaf_every);
        if !self.deployment.is_over() {
            self.members.push(Member {
                device,
                assignment,
                reachable: true,
                deaf,
                gone: false,
                job: None,
                outbox: Vec::new(),
            });
        }
    }

    /// Runs the engine until it has nothing more to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            let (tally, working, candidates) = (self.tally(), self.working(), self.candidates());
            let situation = Situation {
                deployment: &self.deployment,
                tally: &tally,
                working: &working,
                candidates: &candidates,
                now: self.now,
            };
            let decisions = decide(&situation);
            assert_eq!(decisions, decide(&situation), "the same inputs give the same decisions");
            if decisions.is_empty() {
                return check_rest(self);
            }
            for decision in decisions {
                self.carry_out(&decision);
            }
        }
        panic!("the engine never comes to rest: {:?}", self.deployment);
    }

    fn carry_out(&mut self, decision: &Decision) {
        let before = self.clone();
        apply(&mut self.deployment, decision, self.now);
        let (now, deployment) = (self.now, &self.deployment);
        for member in &mut self.members {
            let old = &member.assignment;
            let next = match &decision.act {
                Act::Offer { devices } if devices.contains(&old.device) => {
                    Some(progress::offered(old, &member.device, now))
                }
                Act::Withdraw { device } if *device == old.device => Some(progress::withdrawn(old, deployment, now)),
                Act::TimeOut { device } if *device == old.device => Some(progress::timed_out(old, now)),
                Act::GiveUp => progress::given_up(old, member.reachable, now),
                Act::Cancel => progress::cancelled(old, now),
                Act::Retry { .. } => progress::retried(old),
                Act::Offer { .. }
                | Act::Withdraw { .. }
                | Act::TimeOut { .. }
                | Act::Start { .. }
                | Act::Soak { .. }
                | Act::Widen { .. }
                | Act::Halt
                | Act::Finish { .. }
                | Act::Freeze { .. }
                | Act::LeaveOpen
                | Act::Pause
                | Act::Resume { .. } => None,
            };
            if let Some(next) = next {
                member.assignment = next;
            }
        }
        check_decision(&before, decision, self);
    }

    fn working(&self) -> Vec<Working> {
        let awaited = |member: &&Member| {
            let one = &member.assignment;
            one.status.is_in_flight() || (one.status == AssignmentStatus::Pending && one.begun && !member.reachable)
        };
        self.members
            .iter()
            .filter(awaited)
            .map(|member| &member.assignment)
            .map(|one| Working {
                device: one.device.clone(),
                status: one.status,
                begun: one.begun,
                offered_at: one.offered_at,
                started_at: one.started_at,
            })
            .collect()
    }

    fn candidates(&self) -> Vec<Candidate> {
        let limit = usize::try_from(self.deployment.policy.max_in_flight).unwrap();
        let mut ready: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.reachable && member.assignment.status == AssignmentStatus::Pending)
            .map(|member| &member.assignment)
            .filter(|one| one.not_before.is_none_or(|instant| instant <= self.now))
            .collect();
        ready.sort_by_key(|one| (one.attempt, one.rank));
        let (mut begun, mut others) = (0, 0);
        ready.retain(|one| {
            let count = if one.begun { &mut begun } else { &mut others };
            *count += 1;
            *count <= limit
        });
        ready.iter().map(|one| Candidate { device: one.device.clone(), begun: one.begun }).collect()
    }

    fn verb(&mut self, number: u8) {
        let (tally, mut deployment) = (self.tally(), self.deployment.clone());
        let decision = match number % 16 {
            0..=2 => verbs::start(&mut deployment, &tally, self.now),
            3..=4 => verbs::pause(&mut deployment, &tally, self.now),
            5..=9 => verbs::resume(&mut deployment, &tally, self.now),
            10 => verbs::cancel(&mut deployment, &tally, self.now),
            11 => verbs::expand(&mut deployment, None, &tally, self.now),
            12..=13 => verbs::expand(&mut deployment, Some(number % 100 + 1), &tally, self.now),
            _ => verbs::retry(&mut deployment, &tally, self.now),
        };
        if let Ok(decision) = decision {
            self.carry_out(&decision);
            assert_eq!(self.deployment, deployment, "a verb is its decision, applied");
        }
    }

    /// A device does the next thing and writes a report of it.
    fn work(&mut self, index: usize, luck: u8) {
        let member = &mut self.members[index];
        let Some((attempt, stage)) = member.job else { return };
        let status = STAGES.get(stage).copied().unwrap_or(match luck % 8 {
            0..=3 => ReportStatus::Completed,
            4 => ReportStatus::RolledBack,
            5..=6 => ReportStatus::Failed,
            _ => ReportStatus::Unknown,
        });
        let status = if stage < 2 && luck % 8 == 7 { ReportStatus::Deferred } else { status };
        let ended = !STAGES.contains(&status) && status != ReportStatus::Unknown;
        member.job = (!ended).then_some((attempt, stage + 1));
        if status == ReportStatus::Completed {
            let version = if self.deployment.kind == DeploymentKind::Install { "2.0" } else { "1.0" };
            install(&mut member.device, Some(version));
        }
        let closure = (status == ReportStatus::Completed).then(Closure::default);
        let id = AssignmentRef { deployment: self.deployment.id.clone(), attempt };
        member.outbox.push(Report { assignment: Some(id), closure, ..report(status) });
    }

    /// A device delivers its reports and what it measured, and is told what to do.
    fn sync(&mut self, index: usize) {
        if !self.members[index].reachable {
            return;
        }
        for report in std::mem::take(&mut self.members[index].outbox) {
            let before = &self.members[index].assignment;
            if progress::is_first_end(before, &self.deployment, &report) {
                let decision = progress::frozen(before, &report, Some(&PackageList::default()), "arm64");
                self.carry_out(&decision);
            }
            let old = &self.members[index].assignment;
            if let Some(next) = progress::reported(old, &self.deployment, &report, self.now) {
                self.strays += u64::from(next.status.is_in_flight() && !old.status.is_in_flight());
                self.members[index].assignment = next;
            }
        }
        let member = &mut self.members[index];
        if let Some(next) = progress::remeasured(&member.assignment, &self.deployment, &member.device, self.now) {
            member.assignment = next;
        }
        let (attempt, told) = (member.assignment.attempt, member.assignment.status == AssignmentStatus::Offered);
        match member.job {
            // It drops what it has not begun to apply.
            Some((own, 0..=1)) if member.assignment.cancel && own == attempt => {
                member.job = None;
                let id = AssignmentRef { deployment: self.deployment.id.clone(), attempt };
                member.outbox.push(Report { assignment: Some(id), ..report(ReportStatus::Skipped) });
            }
            None if told && !member.deaf && member.outbox.is_empty() => member.job = Some((attempt, 0)),
            Some(_) | None => {}
        }
    }
}
