//! What the routes answer when all is well.

use belay_protocol::job::{Generation, Progress};
use belay_protocol::local::{GenerationView, ServerEnrolRequest, ServerLink};
use insta::assert_snapshot;

use super::*;
use crate::remote::enrolment::EnrolError;

#[tokio::test]
async fn a_ping_is_what_the_old_controller_looks_for() {
    let world = World::new(commits);
    let answer = world.from("192.168.1.5", empty(HttpRequest::get("/ping").header("host", "192.168.1.17:5000"))).await;
    assert_snapshot!(text(answer).await, @r#"
    200 OK
    content-type: application/json
    {"status":"alive","device":"raspberry-pi"}
    "#);
}

#[tokio::test]
async fn the_old_controllers_update_waits_and_is_answered_byte_for_byte() {
    let mut world = World::new(commits);
    // As Qt writes it: indented, the members in alphabetical order.
    let body = "{\n    \"filedata\": \"ZGVtby1hcHAKb3RoZXI9MS4wCg==\",\n    \"filename\": \"list.txt\"\n}\n";
    let request =
        HttpRequest::post("/update").header("host", "192.168.1.17:5000").header("content-type", "application/json");
    let answer = world.from("192.168.1.5", request.body(body.into()).unwrap()).await;
    assert_snapshot!(text(answer).await, @r#"
    200 OK
    content-type: application/json
    {"status":"Update completed"}
    "#);
    assert_eq!(world.asked.recv().await, Some((update_of("demo-app\nother=1.0"), Door::Legacy, None)));
}

#[tokio::test]
async fn the_old_controllers_rollback_waits_and_is_answered_byte_for_byte() {
    let mut world = World::new(|job| Ok(Job { state: JobState::RolledBack, ..job }));
    let request = HttpRequest::get("/rollback").header("host", "192.168.1.17:5000");
    let answer = world.from("192.168.1.5", empty(request)).await;
    assert_snapshot!(text(answer).await, @r#"
    200 OK
    content-type: application/json
    {"status":"Rollback completed"}
    "#);
    assert_eq!(world.asked.recv().await, Some((rollback_of(None), Door::Legacy, None)));
    let answer = world.local(empty(get("/rollback?to=3"))).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(world.asked.recv().await, Some((rollback_of(Some(3)), Door::Socket, None)));
}

#[tokio::test]
async fn empty_filedata_is_nothing_to_do_and_reaches_nobody() {
    let mut world = World::new(commits);
    for body in [r#"{"filename":"a","filedata":""}"#, r##"{"filedata":"IyBub3RoaW5nCgo="}"##] {
        let answer = text(world.local(json("/update", body)).await).await;
        assert!(answer.starts_with("200 OK") && answer.ends_with(r#"{"status":"Update completed"}"#), "{answer}");
    }
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_raw_base64_body_is_the_old_format_too() {
    let mut world = World::new(commits);
    for kind in [None, Some("application/octet-stream"), Some("application/base64")] {
        let request = kind.into_iter().fold(post("/update"), |request, kind| request.header("content-type", kind));
        let answer = text(world.local(request.body("ZGVtby1h\ncHA=\n".into()).unwrap()).await).await;
        assert!(answer.ends_with(r#"{"status":"Update completed"}"#), "{kind:?}: {answer}");
        assert_eq!(world.asked.recv().await, Some((update_of("demo-app"), Door::Socket, None)));
    }
}

#[tokio::test]
async fn a_native_update_is_accepted_with_the_address_of_its_job() {
    let mut world = World::new(goes_on);
    let body = r##"{"packages":["demo-app","# why","other=1.0"],"idempotency_key":"k1","approve":["guard_removal"]}"##;
    let answer = world.local(json("/update", body)).await;
    assert_snapshot!(text(answer).await, @r#"
    202 Accepted
    content-type: application/json
    location: /jobs/1
    {"id":1,"request":{"kind":"update","packages":["demo-app","other=1.0"],"dry_run":false,"approve":["guard_removal"]},"door":"socket","idempotency_key":"k1","state":"planning","message":"","created_at":"2026-01-02T03:04:05Z"}
    "#);
    let (request, _, key) = world.asked.recv().await.unwrap();
    assert_eq!((request.approvals(), key.as_deref()), (&[Reason::GuardRemoval][..], Some("k1")));
}

#[tokio::test]
async fn who_prefers_to_wait_gets_the_ended_job_whatever_its_end() {
    let world = World::new(|job| ends(job, JobState::RolledBack, Reason::Unhealthy, "the unit demo failed"));
    let request = post("/update").header("content-type", "text/plain; charset=utf-8").header("prefer", "wait");
    let answer = world.local(request.body("demo-app\r\n".into()).unwrap()).await;
    assert_snapshot!(text(answer).await, @r#"
    200 OK
    content-type: application/json
    location: /jobs/1
    preference-applied: wait
    {"id":1,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"rolled_back","reason":"unhealthy","message":"the unit demo failed","created_at":"2026-01-02T03:04:05Z"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_prefers_to_wait_a_while_gets_the_running_job_after_it() {
    let world = World::new(goes_on);
    let request = post("/rollback").header("prefer", "wait=5");
    let answer = text(world.local(empty(request)).await).await;
    assert!(answer.starts_with("202 Accepted") && answer.contains("location: /jobs/1"), "{answer}");
}

#[tokio::test]
async fn a_plan_never_changes_anything_and_always_waits() {
    let mut world = World::new(|job| ends(job, JobState::Refused, Reason::DryRun, "only planned"));
    let requests = [
        empty(get("/plan?packages=demo-app,g%2B%2B=1.0")),
        json("/plan", r#"{"packages":["demo-app","g++=1.0"]}"#),
        json("/plan", r#"{"packages":["demo-app","g++=1.0"],"dry_run":false}"#),
        json("/update", r#"{"packages":["demo-app","g++=1.0"],"dry_run":true}"#),
    ];
    for request in requests {
        let answer = world.local(request).await;
        assert_eq!(answer.status(), 200);
        let Some((Request::Update { packages, dry_run, .. }, ..)) = world.asked.recv().await else { panic!() };
        assert!(dry_run);
        assert_eq!(packages, "demo-app\ng++=1.0".parse().unwrap());
    }
}

#[tokio::test]
async fn a_native_rollback_takes_its_options_from_the_body() {
    let mut world = World::new(goes_on);
    let body = r#"{"to":3,"approve":["drift"],"idempotency_key":"k"}"#;
    assert_eq!(world.local(json("/rollback", body)).await.status(), 202);
    let expected = Request::Rollback { to: Some(Generation(3)), approve: vec![Reason::Drift], from: None };
    assert_eq!(world.asked.recv().await, Some((expected, Door::Socket, Some("k".into()))));
}

fn generation(number: u64, parent: Option<u64>) -> GenerationView {
    GenerationView {
        generation: Generation(number),
        parent: parent.map(Generation),
        current: number == 1,
        reachable: number == 0,
        job: (number > 0).then_some(JobId(number)),
        committed_at: None,
        changes: vec!["demo-app 1.0 → 2.0".into()],
        release: None,
    }
}

#[tokio::test]
async fn status_and_history_show_what_the_view_holds() {
    let world = World::new(goes_on);
    world.change(|view| {
        view.state_mut().generation = Generation(1);
        view.state_mut().generations = vec![generation(1, Some(0)), generation(0, None)];
        view.state_mut().ended.push_back(job(1, update_of("demo-app"), JobState::Committed));
        view.state_mut().next_job = JobId(2);
        view.warnings.push("a door is open".into());
        view.state_mut().damage.push("slot B was torn".into());
    });
    world.local(json("/update", r#"{"packages":["demo-app"]}"#)).await;
    world.change(|view| {
        view.progress =
            Some(Progress { job: JobId(2), phase: JobState::Planning, percent: 50.0, detail: "reading".into() });
    });
    assert_snapshot!(text(world.local(empty(get("/status"))).await).await, @r#"
    200 OK
    content-type: application/json
    {"hostname":"kitchen","version":"0.1.0","generation":1,"previous":0,"needs_attention":false,"job":{"id":2,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"planning","message":"","created_at":"2026-01-02T03:04:05Z"},"progress":{"job":2,"phase":"planning","percent":50.0,"detail":"reading"},"queued":null,"last":{"id":1,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"committed","message":"","created_at":"2026-01-02T03:04:05Z"},"warnings":["a door is open","slot B was torn"]}
    "#);
    assert_snapshot!(text(world.local(empty(get("/history"))).await).await, @r#"
    200 OK
    content-type: application/json
    {"generations":[{"generation":1,"parent":0,"current":true,"reachable":false,"job":1,"committed_at":null,"changes":["demo-app 1.0 → 2.0"]},{"generation":0,"parent":null,"current":false,"reachable":true,"job":null,"committed_at":null,"changes":["demo-app 1.0 → 2.0"]}],"jobs":[{"id":2,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"planning","message":"","created_at":"2026-01-02T03:04:05Z"},{"id":1,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"committed","message":"","created_at":"2026-01-02T03:04:05Z"}]}
    "#);
    let answer = text(world.local(empty(get("/jobs/1"))).await).await;
    assert!(answer.contains(r#""id":1"#), "{answer}");
}

#[tokio::test]
async fn restore_points_and_findings_come_from_the_host() {
    let world = World::new(goes_on);
    assert_snapshot!(text(world.local(empty(get("/restore-points"))).await).await, @r#"
    200 OK
    content-type: application/json
    {"restore_points":[{"id":4,"job":9,"taken_at":"2026-01-02T03:04:05Z","state":"committed","bytes":2048,"packages":[]}]}
    "#);
    let body = async |request| text(world.local(request).await).await.lines().last().unwrap().to_owned();
    let one = r#"{"id":4,"job":9,"taken_at":"2026-01-02T03:04:05Z","state":"committed","bytes":2048,"packages":[]}"#;
    assert_eq!(body(empty(get("/restore-points/4"))).await, one);
    let findings = r#"{"findings":["restore point 4 lacks a file"]}"#;
    assert_eq!(body(empty(post("/restore-points/4/verify"))).await, findings);
    assert_eq!(body(empty(get("/verify"))).await, r#"{"findings":[]}"#);
    assert_eq!(body(empty(post("/restore-points/prune"))).await, r#"{"dropped":[],"freed_bytes":7}"#);
    assert_eq!(body(json("/restore-points/prune", r#"{"keep":3}"#)).await, r#"{"dropped":[3],"freed_bytes":7}"#);
}

#[tokio::test]
async fn an_enrolment_reaches_the_link_and_says_how_it_stands() {
    let mut world = World::new(goes_on);
    let mut asked = world.link();
    let body = r#"{"server":"https://a","token":"t","distribution":"alpha","again":true}"#;
    let answer = tokio::join!(world.local(json("/server/enrol", body)), async {
        let Some(LinkCall::Enrol(call)) = asked.recv().await else { panic!("nobody enrols") };
        let request = call.request;
        assert_eq!(
            (request.server.as_deref(), request.token.as_deref(), request.again),
            (Some("https://a"), Some("t"), true)
        );
        let link = ServerLink {
            url: "https://a".into(),
            device: Some("d1".parse().unwrap()),
            authorized: Some(true),
            last_contact: None,
            last_error: None,
        };
        call.answer.send(Ok(link)).unwrap();
    });
    assert_snapshot!(text(answer.0).await, @r#"
    200 OK
    content-type: application/json
    {"url":"https://a","device":"d1","authorized":true}
    "#);
    let answer = tokio::join!(world.local(empty(post("/server/enrol"))), async {
        let Some(LinkCall::Enrol(call)) = asked.recv().await else { panic!("nobody enrols") };
        assert_eq!(call.request, ServerEnrolRequest::default());
        call.answer.send(Err(EnrolError::NoServer)).unwrap();
    });
    assert_snapshot!(text(answer.0).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"no_server","message":"no server is named: enrol with `--server URL`, or set server.url"}
    "#);
    for body in [r#"{"sever":"https://a"}"#, r#"{"device_type":"a/b"}"#, r#"{"again":"yes"}"#] {
        let answer = text(world.local(json("/server/enrol", body)).await).await;
        assert!(answer.starts_with("400 ") && answer.contains("bad_json"), "{answer}");
    }
    let answer = text(world.local(empty(get("/status"))).await).await;
    assert!(answer.contains(r#""server":{"url":"https://b"}"#) && answer.contains("the link warns"), "{answer}");
}

#[tokio::test]
async fn health_is_ok_until_the_daemon_is_gone() {
    let world = World::new(goes_on);
    assert_eq!(world.local(empty(get("/healthz"))).await.status(), 200);
    let World { router, view, .. } = world;
    drop(view);
    let request = empty(get("/healthz").extension(Peer::Member { uid: 0 }));
    assert_snapshot!(text(router.oneshot(request).await.unwrap()).await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    {"error":"stopping","message":"the agent is stopping; ask again when it has started"}
    "#);
}

#[tokio::test]
async fn figures_are_open_metrics() {
    let world = World::new(goes_on);
    let answer = text(world.local(empty(get("/metrics"))).await).await;
    assert!(answer.starts_with("200 OK\ncontent-type: application/openmetrics-text; version=1.0.0"), "{answer}");
    assert!(answer.contains("\nbelay_generation 0\n"), "{answer}");
}

#[tokio::test]
async fn head_and_options_never_set_anything_in_motion() {
    let mut world = World::new(commits);
    for path in ["/rollback", "/plan?packages=demo-app", "/verify", "/jobs/1/events", "/update"] {
        let request = empty(HttpRequest::head(path).header("host", "localhost"));
        assert_eq!(world.local(request).await.status(), 405, "{path}");
    }
    assert_eq!(world.local(empty(HttpRequest::head("/status"))).await.status(), 200);
    let options = |path: &str| empty(HttpRequest::options(path));
    assert_snapshot!(text(world.local(options("/rollback")).await).await, @r"
    204 No Content
    allow: GET,HEAD,POST
    ");
    assert_snapshot!(text(world.local(options("/update")).await).await, @r"
    204 No Content
    allow: POST
    ");
    assert!(world.asked.try_recv().is_err());
}
