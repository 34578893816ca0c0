//! What bad input gets: a status, a stable code, a sentence; and nothing reaches the daemon.

use insta::assert_snapshot;

use super::*;

#[tokio::test]
async fn the_line_or_field_at_fault_is_named() {
    let mut world = World::new(commits);
    let list = post("/update").header("content-type", "text/plain").body("demo-app\n-oX=1\n".into()).unwrap();
    assert_snapshot!(text(world.local(list).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_line","message":"line 2: \"-oX\" is no package name: at least two of a-z 0-9 + - . beginning with a letter or digit, not ending with -","line":2}
    "#);
    assert_snapshot!(text(world.local(json("/update", r#"{"packages":"demo-app"}"#)).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_json","message":"the body is not the JSON that this route reads: packages: invalid type: string \"demo-app\", expected a sequence","field":"packages"}
    "#);
    assert_snapshot!(text(world.local(json("/update", r#"{"packages":["aa"],"dryrun":true}"#)).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_json","message":"the body is not the JSON that this route reads: dryrun: there is no such field; there are packages, bundle, dry_run, idempotency_key, approve","field":"dryrun"}
    "#);
    assert_snapshot!(text(world.local(json("/update", r#"{"filename":"a","filesize":3}"#)).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_json","message":"the body is not the JSON that this route reads: filedata: the field is missing","field":"filedata"}
    "#);
    assert_snapshot!(text(world.local(json("/update", r#"{"packages":"#)).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_json","message":"the body is not the JSON that this route reads: EOF while parsing a value at line 1 column 12"}
    "#);
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_a_length_and_without() {
    let mut world = World::new(commits);
    let request = || post("/update").header("content-type", "text/plain");
    let sized = world.local(request().body(vec![b'a'; 10 << 20].into()).unwrap()).await;
    assert_snapshot!(text(sized).await, @r#"
    413 Payload Too Large
    content-type: application/json
    {"error":"body_too_large","message":"a body has at most 1048576 bytes: split the package list"}
    "#);
    let chunks = futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b'\n'; 64 << 10])));
    let chunked = world.local(request().body(Body::from_stream(chunks)).unwrap()).await;
    assert_eq!(code(chunked).await, "413 body_too_large");
    let lines = world.local(request().body("aa\n".repeat(10_000).into()).unwrap()).await;
    assert_eq!(code(lines).await, "413 too_many_lines");
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_body_that_fits_exactly_is_read() {
    let world = World::new(commits);
    let mut body = b"demo-app\n#".to_vec();
    body.resize(1 << 20, b'x');
    let request = |body: Vec<u8>| post("/update").header("content-type", "text/plain").body(body.into()).unwrap();
    assert_eq!(world.local(request(body.clone())).await.status(), 200);
    body.push(b'x');
    assert_eq!(world.local(request(body)).await.status(), 413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let world = World::new(commits);
    let never = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = world.local(post("/update").header("content-type", "text/plain").body(never).unwrap()).await;
    assert_eq!(code(answer).await, "408 body_timeout");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json_too() {
    let mut world = World::new(commits);
    let cases = [
        (empty(get("/")), "404 unknown_route"),
        (empty(get("/rollback/")), "404 unknown_route"),
        (empty(get("/jobs/7")), "404 unknown_job"),
        (empty(get("/jobs/seven")), "404 unknown_job"),
        (empty(get("/jobs/7/events")), "404 unknown_job"),
        (empty(get("/restore-points/5")), "404 unknown_restore_point"),
        (empty(get("/restore-points/x")), "404 unknown_restore_point"),
        (empty(post("/restore-points/5/verify")), "404 unknown_restore_point"),
        (empty(post("/status")), "405 method_not_allowed"),
        (empty(get("/update")), "405 method_not_allowed"),
        (empty(post("/update?dry_run=true")), "400 bad_query"),
        (empty(get("/rollback?too=3")), "400 bad_query"),
        (empty(post("/update").header("content-type", "text/html")), "415 unsupported_type"),
        (empty(post("/update").header("content-type", "application/x-www-form-urlencoded")), "415 unsupported_type"),
        (post("/rollback").header("content-type", "text/plain").body("3".into()).unwrap(), "415 unsupported_type"),
        (post("/update").body("demo-app\n".into()).unwrap(), "400 bad_base64"),
        (json("/rollback", r#"{"to":"3"}"#), "400 bad_json"),
        (json("/rollback", r#"{"too":3}"#), "400 bad_json"),
        (json("/restore-points/prune", r#"{"keep":-1}"#), "400 bad_json"),
        (json("/restore-points/prune", r#"{"keep":0}"#), "400 bad_json"),
    ];
    for (request, expected) in cases {
        let shown = format!("{} {}", request.method(), request.uri());
        assert_eq!(code(world.local(request).await).await, expected, "{shown}");
    }
    assert!(world.asked.try_recv().is_err());
    assert_snapshot!(text(world.local(empty(post("/status"))).await).await, @r#"
    405 Method Not Allowed
    content-type: application/json
    allow: GET,HEAD
    {"error":"method_not_allowed","message":"this path does not take that method: the header Allow lists what it takes"}
    "#);
}

#[tokio::test]
async fn a_denial_is_answered_with_its_reason_and_the_job_in_the_way() {
    let deny = |reason: Reason, job: Option<u64>| Denial {
        failure: belay_protocol::Failure::new(reason, "job 7 runs; wait for it"),
        job: job.map(JobId),
    };
    let busy: Fate = |_| {
        Err(Denial {
            failure: belay_protocol::Failure::new(Reason::Busy, "job 7 runs; wait for it"),
            job: Some(JobId(7)),
        })
    };
    for request in [json("/update", r#"{"packages":["demo-app"]}"#), json("/update", r#"{"filedata":"ZGVtby1hcHA="}"#)]
    {
        let answer = text(World::new(busy).local(request).await).await;
        assert!(
            answer.starts_with(
                "409 Conflict
"
            ),
            "{answer}"
        );
        assert!(answer.ends_with(r#"{"error":"busy","message":"job 7 runs; wait for it","job":7}"#), "{answer}");
    }
    let status = |reason| Refusal::from(deny(reason, None)).status().as_u16();
    assert_eq!(status(Reason::Lockdown), 403);
    assert_eq!((status(Reason::Window), status(Reason::Clock)), (409, 409));
    assert_eq!(status(Reason::Stopping), 503);
    assert_eq!(status(Reason::State), 500);
}

#[tokio::test]
async fn a_job_that_did_not_end_as_asked_is_an_error_for_the_old_controller() {
    let cases: [(Fate, &str); 5] = [
        (|job| ends(job, JobState::Refused, Reason::UnknownPackage, "no such package"), "422 unknown_package"),
        (|job| ends(job, JobState::Refused, Reason::Drift, "packages were changed"), "409 drift"),
        (|job| ends(job, JobState::Refused, Reason::NoSpace, "the disk is full"), "507 no_space"),
        (|job| ends(job, JobState::RolledBack, Reason::Unhealthy, "a unit failed"), "500 unhealthy"),
        (|job| ends(job, JobState::NeedsAttention, Reason::UndoFailed, "look at it"), "500 undo_failed"),
    ];
    for (fate, expected) in cases {
        let update = World::new(fate).local(json("/update", r#"{"filedata":"ZGVtby1hcHA="}"#)).await;
        assert_eq!(code(update).await, expected);
        let rollback = World::new(fate).local(empty(get("/rollback"))).await;
        assert_eq!(code(rollback).await, expected);
    }
    let fate: Fate = |job| ends(job, JobState::RolledBack, Reason::Unhealthy, "the unit demo failed");
    assert_snapshot!(text(World::new(fate).local(json("/update", r#"{"filedata":"ZGVtby1hcHA="}"#)).await).await, @r#"
    500 Internal Server Error
    content-type: application/json
    {"error":"unhealthy","message":"the unit demo failed","job":1}
    "#);
}

#[tokio::test]
async fn a_job_that_is_forgotten_while_it_is_waited_for_is_not_waited_for_for_ever() {
    let world = World::new(goes_on);
    let waiting = world.local(empty(get("/rollback")));
    let forget = async {
        tokio::task::yield_now().await;
        world.view.subscribe().wait_for(|view| view.state.running.is_some()).await.unwrap();
        world.change(|view| view.state_mut().running = None);
    };
    let (answer, ()) = tokio::join!(waiting, forget);
    assert_eq!(code(answer).await, "404 unknown_job");
}

#[test]
fn every_reason_has_a_status_that_says_error() {
    for reason in Reason::ALL {
        let refusal = Refusal::Failed(belay_protocol::Failure::new(*reason, "x"));
        assert!(refusal.status().as_u16() >= 400, "{reason}");
    }
}
