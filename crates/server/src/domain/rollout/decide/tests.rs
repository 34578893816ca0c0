//! Tests of decisions, and the world that they are made in.

use belay_protocol::admin::Policy;

use super::*;
use crate::domain::rollout::{Candidate, Tally, apply};
use crate::domain::testing::{at, deployment};

/// What is decided at an instant, in words: the act, and what it says.
struct World {
    deployment: Deployment,
    tally: Tally,
    working: Vec<Working>,
    candidates: Vec<Candidate>,
    now: Timestamp,
}

impl World {
    fn new(strategy: Strategy, tally: Tally) -> Self {
        let mut deployment = deployment();
        deployment.strategy = strategy;
        Self { deployment, tally, working: Vec::new(), candidates: Vec::new(), now: at(100) }
    }

    fn status(mut self, status: DeploymentStatus) -> Self {
        self.deployment.status = status;
        self
    }

    fn allowed(mut self, allowed: u64) -> Self {
        self.deployment.allowed = Some(allowed);
        self
    }

    fn policy(mut self, change: impl Fn(&mut Policy)) -> Self {
        change(&mut self.deployment.policy);
        self
    }

    fn candidates(mut self, names: &[&str]) -> Self {
        // A leading star marks one that began before.
        self.candidates = names
            .iter()
            .map(|name| Candidate {
                device: name.trim_start_matches('*').parse().unwrap(),
                begun: name.starts_with('*'),
            })
            .collect();
        self
    }

    fn working(mut self, status: AssignmentStatus, since: Timestamp) -> Self {
        let offered = status == AssignmentStatus::Offered;
        self.working.push(Working {
            device: "dev".parse().unwrap(),
            status,
            begun: !offered,
            offered_at: Some(since),
            started_at: (!offered).then_some(since),
        });
        self
    }

    fn at(mut self, seconds: i64) -> Self {
        self.now = at(seconds);
        self
    }

    fn decide(&self) -> Vec<Decision> {
        decide(&Situation {
            deployment: &self.deployment,
            tally: &self.tally,
            working: &self.working,
            candidates: &self.candidates,
            now: self.now,
        })
    }

    fn words(&self) -> Vec<&'static str> {
        self.decide().iter().map(|decision| decision.act.word()).collect()
    }

    fn only(&self) -> Decision {
        let mut decisions = self.decide();
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        decisions.remove(0)
    }

    fn offered(&self) -> Vec<String> {
        match self.decide().as_slice() {
            [] => Vec::new(),
            [Decision { act: Act::Offer { devices }, .. }] => devices.iter().map(ToString::to_string).collect(),
            other => panic!("only an offer was expected: {other:?}"),
        }
    }

    fn apply(&mut self) {
        for decision in self.decide() {
            apply(&mut self.deployment, &decision, self.now);
        }
    }
}

const CANARY: Strategy = Strategy::Canary { percent: 10, soak_s: None };
const SOAKED: Strategy = Strategy::Canary { percent: 10, soak_s: Some(600) };
const ROLLING: Strategy = Strategy::Rolling { percent: 20 };

fn waiting(waiting: u64) -> Tally {
    Tally { waiting, ..Tally::default() }
}

fn ended(completed: u64, failed: u64, waiting: u64) -> Tally {
    Tally { completed, failed, waiting, ..Tally::default() }
}

mod ending;
mod offering;
mod starting;
mod waves;
