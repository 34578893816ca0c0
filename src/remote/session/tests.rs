use belay_protocol::sync::AssignmentRef;
use belay_testkit::scripted::{Received, Reply, ScriptedServer};
use serde_json::Value;

use super::*;
use crate::facts::Sources;
use crate::remote::tests::{Daemon, acknowledging, answer, server_settings};

/// A session with a scripted server and a daemon.
struct World {
    server: ScriptedServer,
    daemon: Daemon,
    session: Session,
    measurer: Measurer,
}

impl World {
    fn new(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let server = ScriptedServer::start(script);
        let daemon = Daemon::new();
        let identity = Identity {
            server: "https://where.it.enrolled".parse().unwrap(),
            device: "device-1".parse().unwrap(),
            key: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
            ca_pem: None,
        };
        let session = Session::new(&server_settings(&server.url()), identity, Duration::ZERO);
        let measurer = Measurer::new(Sources::new(daemon.root.path()));
        Self { server, daemon, session, measurer }
    }

    async fn sync(&mut self) -> Value {
        assert_eq!(self.session.sync(&self.daemon.handle, &mut self.measurer).await, Goes::On);
        self.server.received().last().map_or(Value::Null, Received::json)
    }

    /// Seconds until the next poll.
    fn wait(&self) -> f64 {
        let next = self.session.next(&self.daemon.state());
        next.saturating_duration_since(clock::monotonic()).as_secs_f64()
    }

    fn handed(&mut self) -> Option<SyncResponse> {
        self.daemon.handed.try_recv().ok()
    }
}

fn seqs(request: &Value) -> Vec<u64> {
    let reports = request["reports"].as_array().cloned().unwrap_or_default();
    reports.iter().map(|report| report["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_idle_poll_is_a_tag_and_at_most_600_bytes_each_way() {
    let mut world = World::new(|_| answer(60, ""));
    let request = world.sync().await;
    assert_eq!(request.as_object().unwrap().keys().collect::<Vec<_>>(), ["tag"]);
    let [received] = &world.server.received()[..] else { panic!("one request") };
    assert_eq!(received.line(), "POST /api/v1/sync");
    assert!(received.bytes() <= 600, "{} bytes: {received:?}", received.bytes());
    assert!((54.0..66.0).contains(&world.wait()), "{}", world.wait());
    assert!(world.handed().is_none(), "an idle answer wakes nobody");
    let link = world.session.view();
    assert_eq!((link.url, link.authorized, link.last_error), (world.server.url(), Some(true), None));
    assert!(link.last_contact.is_some());
}

#[tokio::test]
async fn the_profile_is_sent_when_asked_for_and_when_it_changed_and_not_again() {
    let mut world = World::new(|request| match request.number {
        0 => answer(60, r#","send_profile":true"#),
        _ => answer(60, ""),
    });
    let first = world.sync().await;
    assert!(first.get("profile").is_none(), "most servers know it");
    assert!(world.wait() <= 1.0, "the server is not kept waiting for an interval");
    let second = world.sync().await;
    assert_eq!(second["tag"], first["tag"]);
    assert_eq!(second["profile"]["installed"]["generation"], 3);
    assert!(second["profile"]["facts"]["capabilities"].as_array().unwrap().iter().any(|word| word == "closure"));
    assert!(world.sync().await.get("profile").is_none());
    assert!(world.wait() > 1.0);
    // Another generation is measured, and found to be the same as before: the fake host always says 3.
    world.daemon.change(|state| state.generation.0 += 1);
    assert!(world.sync().await.get("profile").is_none());
    let etc = world.daemon.root.path().join("etc");
    std::fs::create_dir(&etc).unwrap();
    crate::durable::write_atomic(&etc.join("os-release"), b"PRETTY_NAME=other\n", 0o644).unwrap();
    world.daemon.change(|state| state.generation.0 += 1);
    let changed = world.sync().await;
    assert_ne!(changed["tag"], first["tag"]);
    assert_eq!(changed["profile"]["facts"]["os"], "other");
}

#[tokio::test]
async fn a_server_that_always_wants_the_profile_gets_it_at_its_own_interval() {
    let mut world = World::new(|_| answer(60, r#","send_profile":true"#));
    world.sync().await;
    assert!(world.sync().await.get("profile").is_some());
    assert!(world.wait() > 50.0, "{}", world.wait());
}

#[tokio::test]
async fn reports_are_sent_with_their_outbox_until_they_are_acknowledged() {
    let mut world = World::new(|request| match request.number {
        0 => Reply::Close,
        1 => answer(60, ""),
        2 => answer(60, r#","acknowledged":2"#),
        _ => answer(60, r#","acknowledged":3"#),
    });
    world.daemon.reports(3);
    let lost = world.sync().await;
    assert_eq!((seqs(&lost), &lost["outbox"]), (vec![1, 2, 3], &Value::from("the-outbox")));
    assert!(world.session.view().last_error.is_some());
    assert_eq!(seqs(&world.sync().await), [1, 2, 3], "the answer was lost");
    assert!(world.wait() > 50.0, "what the server did not take is not pressed on it");
    assert_eq!(seqs(&world.sync().await), [1, 2, 3]);
    assert_eq!(world.handed().unwrap().acknowledged, Some(2));
    assert_eq!(seqs(&world.sync().await), [3]);
    assert_eq!(world.handed().unwrap().acknowledged, Some(3));
    let idle = world.sync().await;
    assert!(idle.get("reports").is_none() && idle.get("outbox").is_none(), "{idle}");
    assert!(world.handed().is_none(), "nothing was sent, so nothing is acknowledged");
}

#[tokio::test]
async fn a_journal_that_was_put_back_tells_its_reports_in_another_outbox() {
    let mut world = World::new(|request| match request.number {
        0 => answer(3600, r#","acknowledged":99"#),
        _ => answer(3600, r#","acknowledged":2"#),
    });
    world.daemon.reports(7);
    world.daemon.change(|state| state.outbox.acknowledge(5));
    assert_eq!(seqs(&world.sync().await), [6, 7]);
    assert!(world.handed().is_none(), "nothing is acknowledged that was not told");
    assert!(world.wait() > 3000.0, "a server that is wrong is not pressed");
    let again = world.sync().await;
    assert_eq!((seqs(&again), &again["outbox"]), (vec![1, 2], &Value::from("another than the-outbox")));
    assert_eq!(world.handed().unwrap().acknowledged, Some(2));
    world.daemon.reports(1);
    assert!(world.wait() <= 1.0, "what is new goes out at once");
}

#[tokio::test]
async fn news_go_out_at_once_but_not_more_often_than_once_a_second() {
    let mut world = World::new(|request| acknowledging(3600, request));
    world.sync().await;
    assert!(world.wait() > 3000.0);
    world.daemon.reports(1);
    assert!(world.wait() <= 1.0);
    world.sync().await;
    assert!(world.wait() > 3000.0);
    world.daemon.reports(250);
    assert_eq!(seqs(&world.sync().await).len(), MAX_REPORTS);
    let wait = world.wait();
    assert!(wait > 0.5 && wait <= 1.0, "the rest follows: {wait}");
}

#[tokio::test]
async fn a_server_that_takes_no_reports_is_not_pressed_however_many_there_are() {
    let mut world = World::new(|_| answer(3600, r#","authorized":false"#));
    world.daemon.reports(250);
    world.sync().await;
    assert!(world.wait() > 3000.0, "{}", world.wait());
    world.daemon.reports(1);
    assert!(world.wait() <= 1.0, "a new one is tried once");
    world.sync().await;
    assert!(world.wait() > 3000.0, "{}", world.wait());
}

#[tokio::test]
async fn large_reports_are_sent_in_portions() {
    let mut world = World::new(|_| answer(60, ""));
    world.daemon.reports(3);
    world.daemon.change(|state| {
        for report in &mut state.outbox.pending {
            report.message = "x".repeat(REPORT_BYTES * 2 / 3);
        }
    });
    assert_eq!(seqs(&world.sync().await), [1]);
    world.daemon.change(|state| state.outbox.pending[0].message = "x".repeat(REPORT_BYTES * 2));
    assert_eq!(seqs(&world.sync().await), [1], "one is always sent");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_sent_again_without_its_closures() {
    let mut world = World::new(|request| match request.number {
        0 => Reply::status(413, ""),
        _ => answer(60, ""),
    });
    world.daemon.reports(1);
    world.daemon.change(|state| state.outbox.pending[0].closure = Some(belay_protocol::Closure::default()));
    assert!(world.sync().await["reports"][0].get("closure").is_some());
    let again = world.sync().await;
    assert_eq!((seqs(&again), again["reports"][0].get("closure")), (vec![1], None));
    assert!(again["reports"][0]["message"].as_str().unwrap().contains("closure is not sent"), "{again}");
}

#[tokio::test]
async fn failures_back_off_and_an_answer_ends_that() {
    let mut world = World::new(|request| match request.number {
        0..=3 => Reply::status(500, "oops"),
        4 => Reply::json("{}"),
        5 => Reply::json("<html>"),
        6 => Reply::json("x".repeat(2 * 1024 * 1024)),
        7 => Reply::status(302, "").header("Location: https://elsewhere.example/"),
        _ => answer(60, ""),
    });
    for failures in 1..=8_u32 {
        world.sync().await;
        let longest = f64::from(1 << (failures - 1));
        assert!(world.wait() <= longest + 0.01, "{} after {failures}", world.wait());
        assert!(world.session.view().last_error.is_some() && world.session.view().last_contact.is_none());
    }
    assert!(world.session.view().last_error.unwrap().contains("https://elsewhere.example/"));
    world.daemon.reports(1);
    let before = world.wait();
    assert!(world.session.failures == 8 && before >= world.wait(), "news do not break into a back-off");
    world.sync().await;
    assert_eq!((world.session.failures, world.session.view().last_error), (0, None));
}

#[tokio::test]
async fn a_busy_server_says_when_it_wants_to_be_asked_again() {
    for status in [429, 503] {
        let mut world = World::new(move |_| Reply::status(status, "").header("Retry-After: 120"));
        world.sync().await;
        assert!((119.0..=132.0).contains(&world.wait()), "{}", world.wait());
    }
}

#[tokio::test]
async fn intervals_have_limits() {
    for (next_s, low, high) in [(0, 0.5, 1.2), (u32::MAX, 77_000.0, 96_000.0)] {
        let mut world = World::new(move |_| answer(next_s, ""));
        world.sync().await;
        assert!((low..high).contains(&world.wait()), "{next_s}: {}", world.wait());
    }
}

#[tokio::test]
async fn a_revoked_device_is_loud_and_asks_rarely_and_comes_back_by_itself() {
    let mut world = World::new(|request| match request.number {
        0 => Reply::status(401, r#"{"error":"device_revoked","message":"this device was revoked"}"#),
        1 => Reply::status(500, ""),
        _ => answer(60, ""),
    });
    world.sync().await;
    assert!((800.0..1000.0).contains(&world.wait()), "{}", world.wait());
    assert_eq!(world.session.view().authorized, Some(false));
    let [warning] = &world.session.warnings()[..] else { panic!("one warning") };
    assert!(warning.contains("device_revoked") && warning.contains("belay-agent enrol"), "{warning}");
    world.sync().await;
    assert_eq!(world.session.warnings().len(), 1, "a broken line does not let it in");
    world.sync().await;
    assert_eq!((world.session.view().authorized, world.session.warnings().len()), (Some(true), 0));
}

#[tokio::test]
async fn a_device_that_waits_to_be_let_in_polls_and_is_not_alarming() {
    let mut world = World::new(|_| answer(60, r#","authorized":false"#));
    world.sync().await;
    assert_eq!((world.session.view().authorized, world.session.warnings().len()), (Some(false), 0));
    assert!(world.wait() < 70.0);
}

#[tokio::test]
async fn a_key_is_not_sent_in_clear_once_the_setting_is_taken_back() {
    let mut world = World::new(|_| answer(60, ""));
    world.session.settings.url = None;
    // An address of documentation: nobody is there, whatever is sent.
    world.session.identity.server = "http://192.0.2.1".parse().unwrap();
    world.sync().await;
    let error = world.session.view().last_error.unwrap();
    assert!(error.contains("server.plain_http"), "{error}");
    let [warning] = &world.session.warnings()[..] else { panic!("one warning") };
    assert!(warning.starts_with("the server is not polled: http://192.0.2.1 would send"), "{warning}");
}

#[tokio::test]
async fn a_clock_that_differs_by_more_than_five_minutes_is_told() {
    for (minutes, told) in [(-10, Some("ahead of")), (-4, None), (0, None), (4, None), (10, Some("behind"))] {
        let now = clock::now() + SignedDuration::from_mins(minutes);
        let mut world = World::new(move |_| Reply::json(format!(r#"{{"now":"{now}","next_s":60}}"#)));
        world.sync().await;
        let warnings = world.session.warnings().join("\n");
        assert_eq!(warnings.is_empty(), told.is_none(), "{minutes}: {warnings}");
        assert!(warnings.contains(told.unwrap_or_default()), "{minutes}: {warnings}");
    }
}

#[tokio::test]
async fn an_assignment_is_handed_over_and_one_with_a_spread_only_at_its_instant() {
    let body = r#","assignment":{"deployment":"d","attempt":1,"action":{"kind":"roll_back"},"spread_s":SPREAD},
        "cancel":{"deployment":"c","attempt":2}"#;
    let mut world = World::new(move |request| answer(3600, &body.replace("SPREAD", ["2", "0"][request.number.min(1)])));
    world.sync().await;
    let handed = world.handed().expect("the cancel is handed over at once");
    assert_eq!(handed.assignment, None);
    assert_eq!(handed.cancel, Some(AssignmentRef { deployment: "c".parse().unwrap(), attempt: 2 }));
    assert!(world.wait() <= 2.0, "the server is asked again when its time has come: {}", world.wait());
    tokio::time::sleep_until(world.session.next(&world.daemon.state()).into()).await;
    world.sync().await;
    assert_eq!(world.handed().unwrap().assignment.unwrap().id.deployment.as_str(), "d");
}

#[tokio::test]
async fn while_a_job_runs_the_polls_go_on_without_measuring() {
    use crate::control::tests::{job, update_of};
    use crate::machine::state::{Running, Step};
    let mut world = World::new(|_| answer(5, r#","send_profile":true,"cancel":{"deployment":"c","attempt":1}"#));
    let job = job(1, update_of("demo-app"), belay_protocol::job::JobState::Fetching);
    world
        .daemon
        .change(|state| state.running = Some(Running { job, step: Step::Fetching, restarts: 0, closure: None }));
    let request = world.sync().await;
    assert_eq!(request["tag"], "", "nothing was measured yet, and nothing is made up");
    assert!(world.handed().unwrap().cancel.is_some());
    assert!((4.4..5.6).contains(&world.wait()), "{}", world.wait());
}

#[tokio::test]
async fn a_daemon_that_is_gone_ends_the_polls() {
    let mut world = World::new(|_| answer(60, r#","cancel":{"deployment":"c","attempt":1}"#));
    world.daemon = Daemon { handle: world.daemon.handle.clone(), ..Daemon::new() };
    tokio::task::yield_now().await;
    assert_eq!(world.session.sync(&world.daemon.handle, &mut world.measurer).await, Goes::Away);
}
