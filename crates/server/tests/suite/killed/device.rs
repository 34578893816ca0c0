//! A device under load: it enrols, reports all the time, and does what it is offered, one step with each poll.

use std::sync::Arc;
use std::time::Duration;

use belay_protocol::enrol::{EnrolRequest, EnrolResponse};
use belay_protocol::job::JobId;
use belay_protocol::sync::{
    Action, Assignment, AssignmentRef, Profile, Report, ReportStatus, SyncRequest, SyncResponse, capability,
};
use belay_protocol::{Closure, DeviceId};
use belay_server::clock::Clock;
use belay_testkit::soak::random::Random;
use serde_json::Value;

use super::world::World;

/// What it has on its disk, so to say: it is never lost here, for it is the server that dies.
#[derive(Debug)]
pub(super) struct Device {
    world: Arc<World>,
    number: usize,
    random: Random,
    id: DeviceId,
    key: String,
    profile: Profile,
    tag: u64,
    send_profile: bool,
    work: Option<(Assignment, usize)>,
    ended: Vec<AssignmentRef>,
}

/// The way of a device that does as it is told.
const STEPS: [ReportStatus; 4] =
    [ReportStatus::Downloading, ReportStatus::Installing, ReportStatus::Verifying, ReportStatus::Completed];

impl Device {
    /// Lives until the world ends and nothing is left to say.
    pub(super) async fn live(world: Arc<World>, number: usize) {
        let mut profile = Profile::default();
        profile.facts.hostname = format!("device-{number}");
        profile.facts.hardware = format!("hardware-{number}");
        let words = [capability::PACKAGES, capability::STAGED, capability::REPORTS_VERSION, capability::CLOSURE]
            .map(str::to_owned);
        profile.facts.capabilities = words.into();
        let random = Random::of_case(world.seed, 1_000 + number as u64);
        let enrolled = enrol(&world, number, &profile).await;
        let mut device = Self {
            world,
            number,
            random,
            id: enrolled.device,
            key: enrolled.key,
            profile,
            tag: 0,
            send_profile: false,
            work: None,
            ended: Vec::new(),
        };
        while !device.world.is_over() || device.unsaid() > 0 {
            if !device.world.is_over() {
                device.go_on();
            }
            device.poll().await;
            let pause = 60 + u64::from(device.random.below(180));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Takes one step of what it was told to do, and says something of its own now and then.
    fn go_on(&mut self) {
        if let Some((assignment, step)) = self.work.take() {
            let status = STEPS[step];
            let mut report = self.report(status);
            report.assignment = Some(assignment.id.clone());
            if status == ReportStatus::Completed {
                if let Action::InstallPackages { release, closure, .. } = &assignment.action {
                    report.closure = Some(closure.clone().unwrap_or_else(|| self.resolve(release.as_str())));
                    self.profile.installed.release = Some(release.clone());
                    (self.tag, self.send_profile) = (self.tag + 1, true);
                }
                self.ended.push(assignment.id);
            } else {
                self.work = Some((assignment, step + 1));
            }
            self.say(report);
        } else if self.random.below(2) == 0 {
            let mut report = self.report(ReportStatus::Completed);
            report.job = Some(JobId(u64::from(self.random.below(1_000))));
            self.say(report);
        }
    }

    /// Every device would resolve something else; the first one decides for all.
    fn resolve(&self, release: &str) -> Closure {
        let packages = [format!("demo-app={release}"), format!("demo-lib=1.{}", self.number)];
        Closure { packages: packages.iter().map(|spec| spec.parse().unwrap()).collect(), removed: Vec::new() }
    }

    async fn poll(&mut self) {
        let acknowledged = self.acknowledged();
        let reports: Vec<Report> = {
            let pages = self.world.book.open();
            let unsaid = pages.sent.get(&self.id).into_iter().flatten().filter(|report| report.seq > acknowledged);
            unsaid.take(50).cloned().collect()
        };
        let request = SyncRequest {
            tag: self.tag.to_string(),
            profile: self.send_profile.then(|| self.profile.clone()),
            outbox: format!("outbox-{}", self.number),
            reports,
        };
        let Some(answer) = self.world.wire.ask("POST", "/api/v1/sync", &self.key, &request).await else { return };
        match answer.status {
            200 => match serde_json::from_value::<SyncResponse>(answer.body) {
                Ok(told) => self.obey(&request, told),
                Err(error) => self.world.book.wrong(format!("{}: no answer to a sync: {error}", self.id)),
            },
            429 | 503 => {}
            status => self.world.book.wrong(format!("{}: a sync was answered {status}: {}", self.id, answer.body)),
        }
    }

    fn obey(&mut self, request: &SyncRequest, told: SyncResponse) {
        if let Some(last) = request.reports.last() {
            if told.acknowledged != Some(last.seq) {
                let said = format!("{}: sent to {}, acknowledged {:?}", self.id, last.seq, told.acknowledged);
                self.world.book.wrong(said);
            }
            self.world.book.open().acknowledged.insert(self.id.clone(), last.seq);
        }
        self.send_profile = told.send_profile;
        if !told.authorized {
            self.world.book.wrong(format!("{}: it was let in and is not any more", self.id));
        }
        if let Some(cancel) = told.cancel
            && !self.ended.contains(&cancel)
            && self.work.as_ref().is_none_or(|(assignment, step)| assignment.id != cancel || *step < 2)
        {
            self.work = None;
            self.ended.push(cancel.clone());
            let mut report = self.report(ReportStatus::Skipped);
            report.assignment = Some(cancel);
            self.say(report);
        }
        let Some(offered) = told.assignment else { return };
        self.remember_closure(&offered);
        let known = self.work.as_ref().is_some_and(|(assignment, _)| assignment.id == offered.id);
        if known {
            return;
        }
        if self.ended.contains(&offered.id) {
            // Another server may not have heard of it yet; the only one has.
            if self.world.servers == 1 && self.unsaid() == 0 {
                self.world
                    .book
                    .wrong(format!("{}: {:?} is offered after its end was acknowledged", self.id, offered.id));
            }
            return;
        }
        if let Some((at_work, _)) = &self.work {
            let said = format!("{}: {:?} is offered while {:?} is under way", self.id, offered.id, at_work.id);
            self.world.book.wrong(said);
        }
        self.work = Some((offered, 0));
    }

    /// A closure once frozen is the same for all, whatever died in between.
    fn remember_closure(&self, offered: &Assignment) {
        let Action::InstallPackages { closure: Some(closure), .. } = &offered.action else { return };
        let deployment = offered.id.deployment.clone();
        let known = self.world.book.open().closures.entry(deployment).or_insert_with(|| closure.clone()).clone();
        if known != *closure {
            self.world.book.wrong(format!("{}: {known:?} became {closure:?}", self.id));
        }
    }

    fn report(&self, status: ReportStatus) -> Report {
        let seq = self.world.book.open().sent.get(&self.id).map_or(0, Vec::len) as u64 + 1;
        Report {
            seq,
            at: Clock::System.now(),
            assignment: None,
            job: None,
            status,
            reason: None,
            message: format!("report {seq} of device {}", self.number),
            closure: None,
        }
    }

    fn say(&self, report: Report) {
        self.world.book.open().sent.entry(self.id.clone()).or_default().push(report);
    }

    fn acknowledged(&self) -> u64 {
        self.world.book.open().acknowledged.get(&self.id).copied().unwrap_or_default()
    }

    fn unsaid(&self) -> u64 {
        let sent = self.world.book.open().sent.get(&self.id).map_or(0, Vec::len) as u64;
        sent - self.acknowledged()
    }
}

/// Asks to be let in, the same each time, until it is answered. That answer is a promise as well.
async fn enrol(world: &World, number: usize, profile: &Profile) -> EnrolResponse {
    let request = EnrolRequest {
        enrolment: format!("{:032x}", u128::from(world.seed) << 32 | number as u128),
        identity: format!("identity-{number}"),
        token: Some(world.enrolment_token.clone()),
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        profile: profile.clone(),
    };
    loop {
        if let Some(answer) = world.wire.ask("POST", "/api/v1/enrol", "", &request).await {
            match answer.status {
                200 => {
                    let enrolled: EnrolResponse = serde_json::from_value(answer.body).unwrap();
                    world.book.open().acknowledged.insert(enrolled.device.clone(), 0);
                    return enrolled;
                }
                429 | 503 => {}
                status => world.book.wrong(format!("an enrolment was answered {status}: {}", answer.body)),
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// No body.
pub(super) const NOTHING: Value = Value::Null;
