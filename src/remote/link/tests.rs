use belay_protocol::local::ServerEnrolRequest;
use belay_testkit::scripted::{Received, Reply, ScriptedServer};

use super::*;
use crate::durable::write_atomic;
use crate::remote::tests::{Daemon, acknowledging, answer};

/// A running link with a scripted server and a daemon.
struct World {
    server: ScriptedServer,
    daemon: Daemon,
    door: LinkDoor,
    stop: watch::Sender<bool>,
    link: tokio::task::JoinHandle<()>,
}

impl World {
    fn new(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(ScriptedServer::start(script), Daemon::new(), |_| {})
    }

    fn with(server: ScriptedServer, daemon: Daemon, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = daemon.settings(&server.url());
        change(&mut settings);
        let folder = settings.daemon_dir();
        crate::durable::make_private_folder(&folder).unwrap();
        let (store, damage) = IdentityStore::open(&folder).unwrap();
        assert_eq!(damage, None);
        let (link, door) = Link::new(daemon.handle.clone(), &settings, store);
        let (stop, stopping) = watch::channel(false);
        Self { server, daemon, door, stop, link: tokio::spawn(link.run(stopping)) }
    }

    /// Ends the link and starts it again on the same disk.
    async fn restart(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.stop.send(true).unwrap();
        self.link.await.unwrap();
        Self::with(self.server, self.daemon, change)
    }

    async fn enrol(&self, request: ServerEnrolRequest) -> Result<ServerLink, EnrolError> {
        self.door.enrol(request).await
    }

    /// Waits, on another thread, until so many requests came.
    async fn received(&self, count: usize) -> Vec<Received> {
        tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let received = self.server.received();
                if received.len() >= count {
                    return received;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{count} requests did not come: {:?}", self.server.received()))
    }
}

fn enrolled() -> Reply {
    Reply::json(r#"{"device":"device-1","key":"key-1","authorized":true,"next_s":1}"#)
}

fn is_enrolment(request: &Received) -> bool {
    request.line() == "POST /api/v1/enrol"
}

fn with_token(token: &str) -> ServerEnrolRequest {
    ServerEnrolRequest { token: Some(token.into()), ..ServerEnrolRequest::default() }
}

#[tokio::test]
async fn an_enrolment_says_who_the_device_is_and_polls_begin_without_a_restart() {
    let world = World::new(|request| if is_enrolment(request) { enrolled() } else { answer(3600, "") });
    assert_eq!(world.door.view().link.unwrap().device, None);
    let request = ServerEnrolRequest { distribution: Some("alpha".parse().unwrap()), ..with_token("t-1") };
    let link = world.enrol(request).await.unwrap();
    assert_eq!((link.device.unwrap().as_str(), link.authorized), ("device-1", Some(true)));
    let received = world.received(2).await;
    let body = received[0].json();
    assert_eq!(received[0].header("authorization"), None);
    assert_eq!(
        (&body["token"], &body["device_type"], &body["distribution"]),
        (&"t-1".into(), &"debian".into(), &"alpha".into())
    );
    assert_eq!(body["enrolment"].as_str().unwrap().len(), 32);
    assert_eq!(body["identity"].as_str().unwrap().len(), 64);
    assert_eq!(body["profile"]["installed"]["generation"], 3);
    assert_eq!(received[1].line(), "POST /api/v1/sync");
    assert_eq!(received[1].header("authorization"), Some("Bearer key-1"));
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_is_repeated_with_the_same_value_also_after_a_restart() {
    let world = World::new(|request| if request.number < 2 { Reply::Close } else { enrolled() });
    for _ in 0..2 {
        let error = world.enrol(with_token("t")).await.unwrap_err();
        assert_eq!(error.code(), "server_unreachable", "{}", error.sentence());
    }
    let world = world.restart(|_| {}).await;
    world.enrol(with_token("t")).await.unwrap();
    let values: Vec<_> =
        world.server.received()[..3].iter().map(|request| request.json()["enrolment"].clone()).collect();
    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
}

#[tokio::test]
async fn a_device_keeps_its_name_and_key_over_a_restart() {
    let world = World::new(|request| if is_enrolment(request) { enrolled() } else { answer(3600, "") });
    world.enrol(with_token("t")).await.unwrap();
    world.received(2).await;
    let world = world.restart(|settings| settings.server.url = None).await;
    let link = world.door.view().link.unwrap();
    assert_eq!((link.url, link.device.unwrap().as_str()), (world.server.url(), "device-1"));
    assert_eq!(world.received(3).await[2].header("authorization"), Some("Bearer key-1"));
}

#[tokio::test]
async fn an_enrolled_device_is_enrolled_again_only_when_told_so() {
    let world = World::new(|request| match is_enrolment(request) {
        true => Reply::json(format!(
            r#"{{"device":"device-{}","key":"k","authorized":false,"next_s":3600}}"#,
            request.number
        )),
        false => answer(3600, ""),
    });
    world.enrol(with_token("t")).await.unwrap();
    let error = world.enrol(with_token("t")).await.unwrap_err();
    assert_eq!(error.code(), "already_enrolled");
    assert!(error.sentence().contains("device-0") && error.sentence().contains("--again"));
    let link = world.enrol(ServerEnrolRequest { again: true, ..with_token("t") }).await.unwrap();
    assert_eq!((link.device.unwrap().as_str(), link.authorized), ("device-1", Some(false)));
    let received = world.server.received();
    assert_ne!(received[0].json()["enrolment"], received[1].json()["enrolment"]);
}

#[tokio::test]
async fn an_enrolment_that_cannot_be_says_why() {
    let world = World::new(|_| Reply::status(401, r#"{"error":"bad_token","message":"the token has ended"}"#));
    let to = |url: &str| ServerEnrolRequest { server: Some(url.into()), ..ServerEnrolRequest::default() };
    for (request, code, words) in [
        (with_token("t"), "server_refused", "the token has ended"),
        (to("https://other.example"), "other_server", "server.url is http://127.0.0.1"),
        (to("belay.example"), "bad_server", "is no address of a server"),
        (ServerEnrolRequest { ca_pem: Some("x".into()), ..with_token("t") }, "server_refused", "the token"),
    ] {
        let error = world.enrol(request).await.unwrap_err();
        assert_eq!(error.code(), code, "{}", error.sentence());
        assert!(error.sentence().contains(words), "{}", error.sentence());
    }
    let world = world.restart(|settings| settings.server.url = None).await;
    for (request, code) in [
        (with_token("t"), "no_server"),
        (to("http://belay.example"), "bad_server"),
        (ServerEnrolRequest { ca_pem: Some("x".into()), ..to("https://127.0.0.1:1") }, "bad_certificates"),
    ] {
        assert_eq!(world.enrol(request).await.unwrap_err().code(), code);
    }
    assert_eq!(world.door.view().link, None);
}

#[tokio::test]
async fn with_a_token_in_its_settings_a_device_enrols_by_itself_and_tries_until_it_has() {
    let daemon = Daemon::new();
    let path = daemon.root.path().join("token");
    write_atomic(&path, b"from-a-file\nignored\n", 0o600).unwrap();
    let server = ScriptedServer::start(|request| match request.number {
        0 => Reply::Close,
        _ if is_enrolment(request) => enrolled(),
        _ => answer(3600, ""),
    });
    let world = World::with(server, daemon, |settings| settings.server.token_file = Some(path));
    let received = world.received(3).await;
    assert_eq!(received[0].json(), received[1].json());
    assert_eq!(received[0].json()["token"], "from-a-file");
    assert_eq!(received[2].line(), "POST /api/v1/sync");
}

#[tokio::test]
async fn a_report_wakes_the_link_and_nothing_else_does() {
    let world = World::new(|request| match is_enrolment(request) {
        true => enrolled(),
        false => acknowledging(3600, request),
    });
    world.enrol(with_token("t")).await.unwrap();
    world.received(2).await;
    world.daemon.change(|state| state.ignored += 1);
    world.daemon.reports(2);
    let received = world.received(3).await;
    assert_eq!(received[2].json()["reports"].as_array().unwrap().len(), 2);
    let seen = |view: &crate::daemon::handle::View| view.state.outbox.pending.is_empty();
    let mut view = world.daemon.handle.view();
    tokio::time::timeout(Duration::from_secs(10), view.wait_for(|view| seen(view))).await.unwrap().unwrap();
    assert_eq!(world.server.received().len(), 3);
}

#[tokio::test]
async fn a_server_that_was_away_is_found_again() {
    let world = World::new(|request| if is_enrolment(request) { enrolled() } else { answer(1, "") });
    world.enrol(with_token("t")).await.unwrap();
    world.received(2).await;
    let World { server, daemon, door, stop: _stop, link: _link } = world;
    let address = server.address();
    drop(server);
    let failed = async || {
        while door.view().link.unwrap().last_error.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failed()).await.expect("the failure shows");
    let server = ScriptedServer::start_at(address, |_| answer(1, ""));
    let recovered = async || {
        while door.view().link.unwrap().last_error.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered()).await.expect("it recovers");
    assert!(!server.received().is_empty());
    drop(daemon);
}
