//! A server and its devices. The devices speak to the service as agents do; time stands still until a test moves it.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_protocol::admin::{
    CreateDeployment, CreateRelease, DeploymentView, DeviceProgress, FilterText, Policy, ReleaseName, Strategy,
};
use belay_protocol::enrol::EnrolRequest;
use belay_protocol::sync::{
    Assignment, AssignmentRef, Facts, Installed, Profile, Report, ReportStatus, SyncRequest, SyncResponse, capability,
};
use belay_protocol::{Closure, DeploymentId, DeviceId};
use belay_server::clock::Clock;
use belay_server::service::{Actor, DeviceSettings, Enrolment, Options, PageOf, Service};
use belay_server::store::Store;

/// A server with devices.
pub(crate) struct Fleet {
    pub(crate) service: Service,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) devices: Vec<Machine>,
}

/// A device as it knows itself.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) id: DeviceId,
    pub(crate) key: String,
    version: Option<String>,
    without: BTreeSet<String>,
    with: BTreeSet<String>,
    measured: u64,
    seq: u64,
    /// What it was last told to do.
    pub(crate) order: Option<Assignment>,
}

impl Fleet {
    /// A server with so many devices, all of them on 1.0, and the release 2.0 published.
    pub(crate) async fn of(store: &Store, devices: usize) -> Self {
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let mut fleet = Self { service: service(store, &clock), store: store.clone(), clock, devices: Vec::new() };
        fleet.publish("2.0").await;
        for _ in 0..devices {
            fleet.enrol(&[]).await;
        }
        fleet
    }

    /// Another server on the same database.
    pub(crate) fn replica(&self, store: &Store) -> Service {
        service(store, &self.clock)
    }

    pub(crate) async fn publish(&self, version: &str) {
        let packages = vec![format!("demo-app={version}")];
        let release = CreateRelease { packages, ..CreateRelease::named(name(version)) };
        self.service.create_release(&operator(), release).await.unwrap();
    }

    /// One more device, that lacks these capabilities; its place in `devices`.
    pub(crate) async fn enrol(&mut self, without: &[&str]) -> usize {
        self.enrol_with(&[], without).await
    }

    /// The same, with more capabilities than others.
    pub(crate) async fn enrol_with(&mut self, with: &[&str], without: &[&str]) -> usize {
        let number = self.devices.len();
        let mut machine = Machine {
            id: "none".parse().unwrap(),
            key: String::new(),
            version: Some("1.0".to_owned()),
            without: without.iter().map(|word| (*word).to_owned()).collect(),
            with: with.iter().map(|word| (*word).to_owned()).collect(),
            measured: 0,
            seq: 0,
            order: None,
        };
        let request = EnrolRequest {
            enrolment: format!("enrolment-of-device-{number:04}"),
            identity: format!("identity-{number}"),
            token: None,
            device_type: "raspberry_pi".parse().unwrap(),
            distribution: "alpha".parse().unwrap(),
            profile: machine.profile(),
        };
        let answer = self.service.enrol(request).await.unwrap();
        machine.id = answer.device;
        machine.key = answer.key;
        self.devices.push(machine);
        self.hear_all().await;
        self.poll(number, Vec::new()).await;
        number
    }

    /// Moves the time on; every device was heard of since.
    pub(crate) async fn wait(&self, by: Duration) {
        self.clock.advance(by);
        self.hear_all().await;
    }

    async fn hear_all(&self) {
        self.sql(format!("UPDATE devices SET last_seen = {}", self.clock.now().as_millisecond())).await;
    }

    /// Nobody has heard of this device for days.
    pub(crate) async fn vanish(&self, device: usize) {
        let long_ago = self.clock.now() - Duration::from_secs(3 * 24 * 3_600);
        let id = &self.devices[device].id;
        self.sql(format!("UPDATE devices SET last_seen = {} WHERE id = '{id}'", long_ago.as_millisecond())).await;
    }

    async fn sql(&self, statement: String) {
        let written = self.store.write(|connection| {
            let statement = statement.clone();
            Box::pin(async move {
                sqlx::query(&statement).execute(connection).await?;
                Ok(())
            })
        });
        written.await.unwrap();
    }

    /// Lets the engine decide all that there is to decide; what it decided, as words.
    pub(crate) async fn tick(&self) -> Vec<&'static str> {
        let tick = self.service.tick().await.unwrap();
        self.service.refresh().await.unwrap();
        tick.decisions.iter().map(|(_, decision)| decision.act.word()).collect()
    }

    /// One poll of a device.
    pub(crate) async fn poll(&mut self, device: usize, reports: Vec<Report>) -> SyncResponse {
        let machine = &mut self.devices[device];
        let request = SyncRequest {
            tag: format!("tag-{}", machine.measured),
            profile: Some(machine.profile()),
            outbox: "outbox".to_owned(),
            reports,
        };
        let response = self.service.sync(&machine.key, request).await.unwrap();
        if response.cancel.is_some() {
            machine.order = None;
        }
        if let Some(order) = &response.assignment {
            machine.order = Some(order.clone());
        }
        response
    }

    /// Asks every device to poll; the places of those that are told to do something.
    pub(crate) async fn ask_all(&mut self) -> Vec<usize> {
        let mut told = Vec::new();
        for device in 0..self.devices.len() {
            if self.poll(device, Vec::new()).await.assignment.is_some() {
                told.push(device);
            }
        }
        told
    }

    /// A device reports on what it was told.
    pub(crate) async fn report(&mut self, device: usize, status: ReportStatus) -> SyncResponse {
        self.report_with(device, status, None).await
    }

    /// The same with the versions that it resolved.
    pub(crate) async fn report_with(
        &mut self,
        device: usize,
        status: ReportStatus,
        closure: Option<Closure>,
    ) -> SyncResponse {
        let id = self.devices[device].order.as_ref().expect("it was told something").id.clone();
        self.report_on(device, id, status, closure).await
    }

    pub(crate) async fn report_on(
        &mut self,
        device: usize,
        id: AssignmentRef,
        status: ReportStatus,
        closure: Option<Closure>,
    ) -> SyncResponse {
        let at = self.clock.now();
        let machine = &mut self.devices[device];
        machine.seq += 1;
        let reason = (status == ReportStatus::Failed).then(|| "unmet_dependency".to_owned());
        let report = Report {
            seq: machine.seq,
            at,
            assignment: Some(id),
            job: None,
            status,
            reason,
            message: String::new(),
            closure,
        };
        self.poll(device, vec![report]).await
    }

    /// A device does what it was told, and has this version then.
    pub(crate) async fn succeed(&mut self, device: usize, version: &str) {
        self.report(device, ReportStatus::Downloading).await;
        self.devices[device].install(Some(version));
        let package = format!("demo-app={version}").parse().unwrap();
        let closure = Closure { packages: vec![package], removed: Vec::new() };
        self.report_with(device, ReportStatus::Completed, Some(closure)).await;
    }

    /// Lets the first device of a deployment fix the versions, alone; the others can be told afterwards.
    pub(crate) async fn resolve(&mut self) -> usize {
        self.tick().await;
        let told = self.ask_all().await;
        assert_eq!(told.len(), 1, "one device resolves for all");
        self.succeed(told[0], "2.0").await;
        self.tick().await;
        told[0]
    }

    /// A device tries and fails.
    pub(crate) async fn fail(&mut self, device: usize) {
        self.report(device, ReportStatus::Downloading).await;
        self.report(device, ReportStatus::Failed).await;
    }

    pub(crate) async fn deploy(&self, strategy: Strategy, policy: Policy) -> DeploymentId {
        self.deploy_to("2.0", FilterText::default(), strategy, policy).await
    }

    pub(crate) async fn deploy_to(
        &self,
        version: &str,
        filter: FilterText,
        strategy: Strategy,
        policy: Policy,
    ) -> DeploymentId {
        let asked = CreateDeployment { name: None, release: name(version), filter, strategy, policy };
        self.service.create_deployment(&operator(), asked).await.unwrap().id
    }

    pub(crate) async fn shown(&self, id: &DeploymentId) -> DeploymentView {
        self.service.deployment(id).await.unwrap()
    }

    pub(crate) async fn part(&self, id: &DeploymentId, device: usize) -> DeviceProgress {
        let page = self.service.deployment_devices(id, "", ALL).await.unwrap();
        let device = &self.devices[device].id;
        page.items.into_iter().find(|part| part.device == *device).expect("the device takes part")
    }

    /// What was decided about a deployment, the first first.
    pub(crate) async fn decided(&self, id: &DeploymentId) -> Vec<String> {
        let page = self.service.deployment_decisions(id, ALL).await.unwrap();
        page.items.into_iter().rev().map(|decision| decision.decision).collect()
    }
}

impl Machine {
    /// It measures another version from now on.
    pub(crate) fn install(&mut self, version: Option<&str>) {
        self.version = version.map(str::to_owned);
        self.measured += 1;
    }

    fn profile(&self) -> Profile {
        let words = [
            capability::PACKAGES,
            capability::STAGED,
            capability::REPORTS_VERSION,
            capability::CAN_ROLL_BACK,
            capability::CLOSURE,
        ];
        let words = words.iter().filter(|word| !self.without.contains(**word)).map(|word| (*word).to_owned());
        let capabilities = words.chain(self.with.iter().cloned());
        Profile {
            installed: Installed {
                release: self.version.as_deref().map(|version| version.parse().unwrap()),
                ..Installed::default()
            },
            facts: Facts { capabilities: capabilities.collect(), ..Facts::default() },
        }
    }
}

pub(crate) fn operator() -> Actor {
    Actor("olga".to_owned())
}

pub(crate) fn name(version: &str) -> ReleaseName {
    ReleaseName {
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        version: version.parse().unwrap(),
    }
}

/// Goes to all at once, whatever fails.
pub(crate) fn fearless() -> Policy {
    Policy { max_failure_percent: 100, ..Policy::default() }
}

pub(crate) fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

pub(crate) const ALL: PageOf = PageOf { page: 1, page_size: 500 };

fn service(store: &Store, clock: &Clock) -> Service {
    let devices = DeviceSettings { mode: Enrolment::Open, ..DeviceSettings::default() };
    Service::new(store.clone(), clock.clone(), Options { devices, ..Options::default() })
}
