//! A server and devices for its tests: what a test does not say is as in the field.

use std::time::Duration;

use belay_protocol::DeviceId;
use belay_protocol::enrol::{EnrolRequest, EnrolResponse};
use belay_protocol::sync::{AssignmentRef, Facts, Installed, Profile, Report, ReportStatus, SyncRequest, SyncResponse};
use belay_server::clock::Clock;
use belay_server::service::{Actor, DeviceSettings, Enrolment, Options, PageOf, Service, ServiceError};
use belay_server::store::Store;
use jiff::Timestamp;

/// An instant that no test depends on.
pub(crate) const NOON: &str = "2026-11-20T12:00:00Z";

/// A server whose clock stands still, and which lets everybody in.
pub(crate) fn server(store: &Store) -> (Service, Clock) {
    server_with(store, Enrolment::Open)
}

/// The same with another rule on who may enrol.
pub(crate) fn server_with(store: &Store, mode: Enrolment) -> (Service, Clock) {
    let clock = Clock::manual(NOON.parse().unwrap());
    let devices = DeviceSettings { mode, ..DeviceSettings::default() };
    (Service::new(store.clone(), clock.clone(), Options { devices, ..Options::default() }), clock)
}

/// Who does things in tests.
pub(crate) fn operator() -> Actor {
    Actor("tester".to_owned())
}

/// The first page, long enough for every test.
pub(crate) const FIRST_PAGE: PageOf = PageOf { page: 1, page_size: 500 };

/// A device of a test, with what it must remember.
#[derive(Debug, Clone)]
pub(crate) struct Pi {
    pub(crate) id: DeviceId,
    pub(crate) key: String,
    pub(crate) profile: Profile,
}

impl Pi {
    /// Enrols device `number`, and brings its profile.
    pub(crate) async fn new(service: &Service, number: u32) -> Self {
        let request = enrolment(number);
        let profile = request.profile.clone();
        let EnrolResponse { device, key, .. } = service.enrol(request).await.unwrap();
        let pi = Self { id: device, key, profile };
        let answer = pi.sync(service, pi.introduction()).await.unwrap();
        assert!(!answer.send_profile);
        pi
    }

    /// A sync.
    pub(crate) async fn sync(&self, service: &Service, request: SyncRequest) -> Result<SyncResponse, ServiceError> {
        service.sync(&self.key, request).await
    }

    /// The sync of a device with nothing new.
    pub(crate) async fn idle(&self, service: &Service) -> Result<SyncResponse, ServiceError> {
        self.sync(service, self.nothing_new()).await
    }

    /// What a device with nothing new sends.
    pub(crate) fn nothing_new(&self) -> SyncRequest {
        SyncRequest { tag: tag(&self.profile), ..SyncRequest::default() }
    }

    /// What a device sends after its profile changed.
    pub(crate) fn introduction(&self) -> SyncRequest {
        SyncRequest { profile: Some(self.profile.clone()), ..self.nothing_new() }
    }

    /// What a device sends with these reports.
    pub(crate) fn reporting(&self, outbox: &str, reports: Vec<Report>) -> SyncRequest {
        SyncRequest { outbox: outbox.to_owned(), reports, ..self.nothing_new() }
    }

    /// The numbers of the reports that the server has, in the order in which it took them.
    pub(crate) async fn taken(&self, service: &Service) -> Vec<u64> {
        let mut page = service.device_reports(&self.id, FIRST_PAGE).await.map_or(Vec::new(), |page| page.items);
        page.reverse();
        page.iter().map(|report| report.report.seq).collect()
    }
}

/// What machine `number` enrols with.
pub(crate) fn enrolment(number: u32) -> EnrolRequest {
    EnrolRequest {
        enrolment: format!("{number:032}"),
        identity: format!("machine-{number}"),
        token: None,
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        profile: Profile {
            installed: Installed::default(),
            facts: Facts {
                hostname: format!("pi-{number}"),
                architecture: "arm64".to_owned(),
                os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
                agent: "0.1.0".to_owned(),
                device_key: String::new(),
                hardware: format!("board-{number}"),
                capabilities: ["packages", "staged", "reports_version", "can_roll_back", "closure"]
                    .map(str::to_owned)
                    .into(),
            },
        },
    }
}

/// The tag of a profile; any text will do that differs where the profile does.
pub(crate) fn tag(profile: &Profile) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(profile).unwrap().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A report on nothing that the server knows.
pub(crate) fn report(seq: u64) -> Report {
    Report {
        seq,
        at: NOON.parse::<Timestamp>().unwrap(),
        assignment: Some(AssignmentRef { deployment: "gone".parse().unwrap(), attempt: 1 }),
        job: None,
        status: ReportStatus::Downloading,
        reason: None,
        message: format!("message {seq}"),
        closure: None,
    }
}

/// Waits until something holds, and says what where it never does.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within 30 seconds"));
}
