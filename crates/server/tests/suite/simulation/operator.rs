//! What people and the engine do: releases, deployments, verbs at random, ticks with their checks.

use belay_protocol::DeploymentId;
use belay_protocol::admin::{
    CreateDeployment, CreateRelease, DeploymentStatus, DeploymentView, Expand, FilterText, Policy, ReleaseName,
    Strategy,
};
use belay_server::domain::order::rank;
use belay_server::domain::rollout::Act;

use super::world::{CALM, World};
use crate::fleet::operator;

impl World {
    pub(super) async fn enrol_all(&mut self) {
        for at in 0..self.devices.len() {
            let answer = self.service.enrol(self.devices[at].enrolment()).await.unwrap();
            let (old, new) = (answer.device.to_string(), self.devices[at].id.to_string());
            self.devices[at].key = answer.key.replacen(&old, &new, 1);
            // Names are random; a seed must lead to the same order each time.
            self.sql(vec![format!("UPDATE devices SET id = '{new}' WHERE id = '{old}'")]).await;
        }
    }

    pub(super) async fn publish_all(&self) {
        for version in ["2.0", "3.0", "4.0"] {
            let packages = vec![format!("demo-app={version}")];
            let release = CreateRelease { packages, ..CreateRelease::named(name(version)) };
            self.service.create_release(&operator(), release).await.unwrap();
        }
    }

    pub(super) async fn sql(&self, statements: Vec<String>) {
        let written = self.store.write(|connection| {
            let statements = statements.clone();
            Box::pin(async move {
                for statement in &statements {
                    sqlx::query(statement).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        written.await.unwrap();
    }

    pub(super) async fn deploy(&mut self, number: u32) {
        let version = ["2.0", "3.0", "4.0", "2.0"][number as usize];
        let strategy = match self.random.below(4) {
            0 => Strategy::Immediate,
            1 => Strategy::Manual,
            2 => Strategy::Canary { percent: 10, soak_s: Some(900) },
            _ => Strategy::Rolling { percent: 25 },
        };
        let policy = Policy {
            max_failure_percent: u8::try_from(self.random.between(5, 40)).unwrap(),
            max_in_flight: u32::try_from(self.random.between(5, 20 + self.devices.len() as u64 / 4)).unwrap(),
            device_timeout_s: 1_800,
            pickup_timeout_s: 1_200,
            retries: u8::try_from(self.random.below(3)).unwrap(),
            deadline_s: 10 * 3_600,
            ..Policy::default()
        };
        let asked =
            CreateDeployment { name: None, release: name(version), filter: FilterText::default(), strategy, policy };
        // Where every device has it already, there is nothing to deploy.
        let Ok(made) = self.service.create_deployment(&operator(), asked).await else { return };
        let id = self.adopt(&made).await;
        self.note_server(&format!("{id} brings {version} by {strategy:?}"));
        if made.status == DeploymentStatus::Pending && !matches!(strategy, Strategy::Immediate) {
            self.service.start_deployment(&operator(), &id).await.unwrap();
        }
    }

    /// Gives a new deployment a name that comes again with the seed.
    async fn adopt(&mut self, made: &DeploymentView) -> DeploymentId {
        let id: DeploymentId = format!("r_{}", self.deployments.len()).parse().unwrap();
        let old = &made.id;
        let mut statements = vec![format!("UPDATE deployments SET id = '{id}' WHERE id = '{old}'")];
        for device in &self.devices {
            let (device, rank) = (&device.id, rank(&id, &device.id));
            let set = format!("SET deployment = '{id}', rank = {rank}");
            statements.push(format!("UPDATE assignments {set} WHERE deployment = '{old}' AND device = '{device}'"));
        }
        self.sql(statements).await;
        self.deployments.push(id.clone());
        id
    }

    /// What an operator does now and then.
    pub(super) async fn operate(&mut self) {
        let (calm, who) = (self.now >= CALM, operator());
        for id in self.deployments.clone() {
            let view = self.service.deployment(&id).await.unwrap();
            let stands = matches!(view.status, DeploymentStatus::Halted | DeploymentStatus::Paused);
            let dice = self.random.below(100);
            let (verb, done) = match dice {
                0..15 if stands && calm => ("cancel", self.service.cancel_deployment(&who, &id).await),
                15..70 if stands => ("resume", self.service.resume_deployment(&who, &id).await),
                70..80 if stands => ("cancel", self.service.cancel_deployment(&who, &id).await),
                // Ways back wait two weeks for devices that are gone.
                _ if self.now > CALM + 12 * 3_600 => ("cancel", self.service.cancel_deployment(&who, &id).await),
                _ if calm => continue,
                0..8 => ("pause", self.service.pause_deployment(&who, &id).await),
                8..10 => ("cancel", self.service.cancel_deployment(&who, &id).await),
                10..20 => ("retry", self.service.retry_deployment(&who, &id).await),
                20..40 => ("expand", self.service.expand_deployment(&who, &id, Expand { percent: None }).await),
                40..42 if self.deployments.len() < 8 => {
                    let made = self.service.roll_back_deployment(&who, &id).await;
                    if let Ok(made) = &made {
                        self.adopt(made).await;
                    }
                    ("roll_back", made)
                }
                _ => continue,
            };
            self.note_server(&format!("{verb} {id}: {}", done.is_ok()));
            let Ok(view) = done else { continue };
            *self.counts.entry(verb.to_owned()).or_default() += 1;
            if verb == "retry" {
                self.retried.insert(id.clone());
            }
            match verb {
                "pause" | "cancel" => drop(self.stopped.insert(id)),
                "resume" | "retry" if view.status == DeploymentStatus::InProgress => drop(self.stopped.remove(&id)),
                _ => {}
            }
        }
    }

    /// Lets the engine look, and checks what it decides.
    pub(super) async fn tick(&mut self) {
        let tick = self.service.tick().await.unwrap();
        self.service.refresh().await.unwrap();
        for (id, decision) in &tick.decisions {
            let seed = self.seed;
            *self.counts.entry(decision.act.word().to_owned()).or_default() += 1;
            self.note_server(&format!("{id}: {}", decision.act.word()));
            match &decision.act {
                Act::Offer { devices } => {
                    assert!(!self.stopped.contains(id), "SEED={seed}: {id} stands and offers to {devices:?}");
                    self.check_limits(id).await;
                }
                Act::Halt | Act::Finish { .. } | Act::Cancel | Act::Pause => drop(self.stopped.insert(id.clone())),
                Act::Start { .. }
                | Act::Withdraw { .. }
                | Act::TimeOut { .. }
                | Act::Soak { .. }
                | Act::Widen { .. }
                | Act::GiveUp
                | Act::Freeze { .. }
                | Act::LeaveOpen
                | Act::Resume { .. }
                | Act::Retry { .. } => {}
            }
        }
    }

    async fn check_limits(&self, id: &DeploymentId) {
        let view = self.service.deployment(id).await.unwrap();
        let (seed, now, buckets) = (self.seed, self.now, &view.buckets);
        let at_work = buckets.offered + buckets.downloading + buckets.installing + buckets.verifying;
        let cap = u64::from(view.policy.max_in_flight);
        assert!(at_work <= cap, "SEED={seed}: {id} at {now}: {at_work} at work, the cap is {cap}");
        let begun = at_work + buckets.failed + buckets.rolled_back + buckets.silent;
        assert!(begun <= view.allowed, "SEED={seed}: {id} at {now}: {begun} begun of {} allowed", view.allowed);
    }
}

fn name(version: &str) -> ReleaseName {
    ReleaseName {
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        version: version.parse().unwrap(),
    }
}
