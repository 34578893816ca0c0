//! Virtual time: what happens to whom and when, all of it from one seed.

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use belay_agent::machine::effect::Effect;
use belay_protocol::DeploymentId;
use belay_protocol::sync::{SyncRequest, SyncResponse};
use belay_server::clock::Clock;
use belay_server::service::{DeviceSettings, Enrolment, Options, Service};
use belay_server::store::Store;
use futures_util::future::join_all;

use super::device::Device;
use super::random::Random;

/// What happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Poll(usize),
    Finish(usize, u64),
    Trouble(usize),
    Return(usize),
    Deploy(u32),
    Operate,
    Tick,
    Upkeep,
    Restart,
}

/// The server, its devices and the time.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) random: Random,
    pub(super) now: u64,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) service: Service,
    pub(super) devices: Vec<Device>,
    polls: Vec<u64>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    digest: DefaultHasher,
    logs: BTreeMap<usize, VecDeque<String>>,
    pub(super) deployments: Vec<DeploymentId>,
    /// Those that must not offer anything now.
    pub(super) stopped: BTreeSet<DeploymentId>,
    /// Those that were offered once more where they failed.
    pub(super) retried: BTreeSet<DeploymentId>,
    pub(super) counts: BTreeMap<String, u64>,
}

/// No new trouble and no new deployments from here on.
pub(super) const CALM: u64 = 14 * 3_600;
/// Everything is over by then.
const LAST: u64 = 48 * 3_600;

impl World {
    pub(super) async fn new(store: Store, seed: u64, count: u32) -> Self {
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let mut world = Self {
            seed,
            random: Random::new(seed),
            now: 0,
            service: service(&store, &clock),
            clock,
            store,
            devices: (0..count).map(Device::new).collect(),
            polls: vec![0; count as usize],
            events: BinaryHeap::new(),
            sequence: 0,
            digest: DefaultHasher::new(),
            logs: BTreeMap::new(),
            deployments: Vec::new(),
            stopped: BTreeSet::new(),
            retried: BTreeSet::new(),
            counts: BTreeMap::new(),
        };
        world.enrol_all().await;
        world.publish_all().await;
        world.draw_fates();
        world
    }

    fn draw_fates(&mut self) {
        for at in 0..self.devices.len() {
            self.devices[at].slowness = if self.random.permille(30) { 20 } else { 1 };
            for (version, ill) in [("2.0", 20), ("3.0", 250), ("4.0", 60)] {
                if self.random.permille(ill) {
                    self.devices[at].host.ill_with.push(version.to_owned());
                }
                if self.random.permille(20) {
                    self.devices[at].host.lacks.push(version.to_owned());
                }
            }
            let first = self.random.below(600);
            self.poll_within(at, first);
            for _ in 0..3 {
                let when = self.random.below(CALM);
                self.at(when, Event::Trouble(at));
            }
        }
        for number in 0..4 {
            self.at(900 + u64::from(number) * 3 * 3_600, Event::Deploy(number));
        }
        for event in [Event::Operate, Event::Tick, Event::Upkeep, Event::Restart] {
            self.at(600, event);
        }
    }

    fn at(&mut self, when: u64, event: Event) {
        self.sequence += 1;
        // Instants are few, so that many devices speak at the same one.
        self.events.push(Reverse((when.next_multiple_of(5), self.sequence, event)));
    }

    fn poll_within(&mut self, device: usize, seconds: u64) {
        let when = (self.now + seconds.max(1)).next_multiple_of(5);
        self.polls[device] = when;
        self.at(when, Event::Poll(device));
    }

    /// Lets time go on until everything is over.
    pub(super) async fn run(&mut self) -> u64 {
        while let Some(Reverse((when, ..))) = self.events.peek().copied() {
            assert!(when < LAST, "seed {}: not over in {LAST} s: {}", self.seed, self.unfinished().await);
            self.clock.advance(Duration::from_secs(when - self.now));
            self.now = when;
            let mut polling = BTreeSet::new();
            while let Some(Reverse((_, _, event))) = self.events.peek().copied().filter(|Reverse(next)| next.0 == when)
            {
                self.events.pop();
                if let Event::Poll(device) = event {
                    if self.polls[device] == when && !self.devices[device].gone {
                        polling.insert(device);
                    }
                } else {
                    self.happen(event).await;
                }
            }
            self.poll_all(polling).await;
            if self.now > CALM && self.now.is_multiple_of(600) && self.unfinished().await.is_empty() {
                break;
            }
        }
        self.digest.finish()
    }

    async fn happen(&mut self, event: Event) {
        match event {
            Event::Poll(_) => {}
            Event::Finish(device, life) => {
                if self.devices[device].life == life && !self.devices[device].gone {
                    let now = self.clock.now();
                    self.devices[device].finish(now);
                    self.go_on(device);
                }
            }
            Event::Trouble(device) => self.trouble(device),
            Event::Return(device) => {
                self.devices[device].gone = false;
                self.crash(device);
            }
            Event::Deploy(number) => self.deploy(number).await,
            Event::Operate => {
                self.operate().await;
                self.at(self.now + 1_200, Event::Operate);
            }
            Event::Tick => {
                self.tick().await;
                self.at(self.now + 60, Event::Tick);
            }
            Event::Upkeep => {
                self.service.refresh().await.unwrap();
                self.service.upkeep(async {}).await;
                self.at(self.now + 300, Event::Upkeep);
            }
            Event::Restart => {
                self.service = service(&self.store, &self.clock);
                self.service.refresh().await.unwrap();
                let next = self.random.between(1_800, 7_200);
                self.at(self.now + next, Event::Restart);
            }
        }
    }

    fn trouble(&mut self, device: usize) {
        match self.random.below(100) {
            0..2 => {
                self.note(device, "is gone for ever".to_owned());
                self.devices[device].gone = true;
            }
            2..10 if !self.devices[device].gone => {
                let back = self.now + self.random.between(600, 10 * 3_600);
                self.note(device, format!("is gone until {back}"));
                self.devices[device].gone = true;
                self.at(back, Event::Return(device));
            }
            10..40 => {
                let off = self.random.between(0, 400 * 86_400).cast_signed() - 200 * 86_400;
                self.note(device, format!("has a clock that is {off} s off"));
                self.devices[device].clock_off = off;
            }
            _ if !self.devices[device].gone => self.crash(device),
            _ => {}
        }
    }

    fn crash(&mut self, device: usize) {
        let (was_done, now) = (self.random.permille(500), self.clock.now());
        self.note(device, format!("starts again from {:?}", self.devices[device].under_way));
        self.devices[device].crash(was_done, now);
        let wait = self.random.between(5, 90);
        self.poll_within(device, wait);
        self.go_on(device);
    }

    /// Carries out what the machine asked for, and brings news to the server.
    fn go_on(&mut self, device: usize) {
        if let Some(effect) = self.devices[device].next_effect() {
            let (from, to) = match &effect {
                Effect::Download { .. } | Effect::Fetch { .. } | Effect::Apply { .. } | Effect::Reboot { .. } => {
                    (20, 120)
                }
                Effect::Plan { .. } | Effect::Capture { .. } | Effect::Verify { .. } => (10, 60),
                Effect::Survey | Effect::Commit { .. } | Effect::RollBack { .. } | Effect::Discard { .. } => (1, 10),
            };
            let takes = self.random.between(from, to) * self.devices[device].slowness;
            self.note(device, format!("{effect:?} for {takes} s"));
            self.at(self.now + takes, Event::Finish(device, self.devices[device].life));
        }
        if self.devices[device].has_news() && self.polls[device] > self.now + 5 {
            self.poll_within(device, 1);
        }
    }

    async fn poll_all(&mut self, polling: BTreeSet<usize>) {
        let mut sent: Vec<(usize, SyncRequest, u64, u64)> = Vec::new();
        for device in polling {
            let fate = if self.now < CALM { self.random.below(100) } else { 99 };
            let newest = self.devices[device].state.outbox.last;
            sent.push((device, self.devices[device].request(), newest, fate));
        }
        let (service, devices) = (&self.service, &self.devices);
        let answers = join_all(sent.iter().map(|(device, request, _, fate)| async move {
            let key = &devices[*device].key;
            match fate {
                0..5 => None,
                5..9 => {
                    let twice = [service.sync(key, request.clone()), service.sync(key, request.clone())];
                    join_all(twice).await.pop()
                }
                _ => Some(service.sync(key, request.clone()).await),
            }
        }))
        .await;
        for ((device, request, newest, fate), answer) in sent.into_iter().zip(answers) {
            let answer = answer.map(|answer| answer.expect("the server answers its devices"));
            self.answered(device, &request, newest, answer.filter(|_| !(9..14).contains(&fate)));
        }
    }

    fn answered(&mut self, device: usize, request: &SyncRequest, newest: u64, answer: Option<SyncResponse>) {
        let Some(answer) = answer else {
            self.note(device, "is not answered".to_owned());
            let wait = self.random.between(5, 120);
            return self.poll_within(device, wait);
        };
        if answer.cancel.is_some() || !request.reports.is_empty() {
            let statuses: Vec<_> = request.reports.iter().map(|report| (report.seq, report.status)).collect();
            let (order, cancel, taken) = (&answer.assignment, &answer.cancel, answer.acknowledged);
            let order = order.as_ref().map(|order| &order.id);
            self.note(device, format!("told {statuses:?}; {taken:?} taken; order {order:?}, cancel {cancel:?}"));
        }
        let now = self.clock.now();
        let wait = self.devices[device].take(request, newest, answer, now);
        self.poll_within(device, wait);
        self.go_on(device);
    }

    /// Notes what happens to a device.
    pub(super) fn note(&mut self, device: usize, what: String) {
        (self.now, device, &what).hash(&mut self.digest);
        let log = self.logs.entry(device).or_default();
        log.push_back(format!("{:>7} {what}", self.now));
        if log.len() > 60 {
            log.pop_front();
        }
    }

    /// Notes what the server decides.
    pub(super) fn note_server(&mut self, what: &str) {
        (self.now, what).hash(&mut self.digest);
    }

    /// Ends the test with all that is known of a device.
    pub(super) fn wrong(&self, device: usize, what: &str) -> ! {
        let log: Vec<&str> = self.logs.get(&device).into_iter().flatten().map(String::as_str).collect();
        panic!("SEED={} DEVICES={}: device {device}: {what}\n{}", self.seed, self.devices.len(), log.join("\n"));
    }
}

fn service(store: &Store, clock: &Clock) -> Service {
    let devices = DeviceSettings { mode: Enrolment::Open, poll_s: 600, offline_after_s: 3_600 };
    Service::new(store.clone(), clock.clone(), Options { devices, reports_kept: Duration::from_secs(90 * 86_400) })
}
