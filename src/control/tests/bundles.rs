//! Bundles through the doors: put, listed, installed, gone back to; and the server asked by hand.

use std::path::PathBuf;

use belay_protocol::bundle::BundleSource;
use belay_protocol::job::Generation;
use belay_protocol::local::{GenerationView, Polled, ServerWish};
use insta::assert_snapshot;

use super::*;
use crate::remote::door::PollError;

fn put(body: impl Into<Body>) -> HttpRequest<Body> {
    HttpRequest::put("/bundles").header("host", "localhost").body(body.into()).unwrap()
}

fn waiting(world: &World) -> Vec<String> {
    let folder = std::fs::read_dir(world.folder.path().join("incoming"));
    let mut names: Vec<String> =
        folder.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn digest(content: &[u8]) -> String {
    crate::durable::digest_of_bytes(content).to_string()
}

fn upload(world: &World, sha256: &str) -> PathBuf {
    world.folder.path().join("incoming").join(format!("{sha256}.upload"))
}

fn with_limits(max_bytes: u64, reserve_bytes: u64) -> World {
    let mut world = World::new(commits);
    world.state.uploads = Uploads::of_test(&world.folder.path().join("incoming"), max_bytes, reserve_bytes);
    world.router = router(world.state.clone());
    world
}

#[tokio::test]
async fn an_archive_that_is_put_waits_under_its_digest() {
    let world = World::new(commits);
    let answer = text(world.local(put("an archive")).await).await;
    let sha256 = digest(b"an archive");
    assert_snapshot!(answer.replace(&sha256, "DIGEST"), @r#"
    201 Created
    content-type: application/json
    {"sha256":"DIGEST","size":10}
    "#);
    assert_eq!(std::fs::read(upload(&world, &sha256)).unwrap(), b"an archive");
    assert_eq!(waiting(&world), [format!("{sha256}.upload")]);
}

#[tokio::test]
async fn an_archive_over_the_limit_of_other_bodies_is_taken() {
    let world = with_limits(4 << 20, 0);
    let archive: Vec<u8> = (0..3 << 20).map(|at: u32| (at % 251) as u8).collect();
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> = archive.chunks(60_000).map(|chunk| Ok(chunk.to_vec())).collect();
    let answer = world.local(put(Body::from_stream(futures_util::stream::iter(chunks)))).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(std::fs::read(upload(&world, &digest(&archive))).unwrap(), archive);
}

#[tokio::test]
async fn only_the_newest_archive_waits_and_others_files_are_left_alone() {
    let world = World::new(commits);
    assert_eq!(world.local(put("one")).await.status(), 201);
    let folder = world.folder.path().join("incoming");
    for name in ["x.part", "left.new", ".json.new"] {
        crate::durable::write_atomic(&folder.join(name), b"x", 0o600).unwrap();
    }
    assert_eq!(world.local(put("two")).await.status(), 201);
    let mut expected = vec![".json.new".to_owned(), format!("{}.upload", digest(b"two")), "x.part".to_owned()];
    expected.sort();
    assert_eq!(waiting(&world), expected);
}

#[tokio::test]
async fn the_archive_of_a_job_that_runs_is_not_taken_away() {
    let world = World::new(goes_on);
    assert_eq!(world.local(put("one")).await.status(), 201);
    let body = format!(r#"{{"bundle":{{"uploaded":"{}"}}}}"#, digest(b"one"));
    assert_eq!(world.local(json("/update", &body)).await.status(), 202);
    assert_eq!(world.local(put("two")).await.status(), 201);
    assert!(upload(&world, &digest(b"one")).exists());
}

#[tokio::test]
async fn an_archive_that_does_not_arrive_whole_leaves_nothing() {
    let world = World::new(commits);
    let broken = [Ok(vec![1; 100]), Err(std::io::Error::other("cut"))];
    let answer = world.local(put(Body::from_stream(futures_util::stream::iter(broken)))).await;
    assert_eq!(code(answer).await, "400 body_broken");
    assert_eq!(waiting(&world), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_stops_coming_is_given_up_and_leaves_nothing() {
    use futures_util::StreamExt;
    let world = World::new(commits);
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![1; 100])]);
    let body = Body::from_stream(begun.chain(futures_util::stream::pending()));
    assert_eq!(code(world.local(put(body)).await).await, "408 body_timeout");
    assert_eq!(waiting(&world), Vec::<String>::new());
}

#[tokio::test]
async fn an_archive_that_does_not_fit_is_refused_with_a_length_and_without() {
    let chunked = |count| {
        Body::from_stream(futures_util::stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(vec![0; 1_000]))))
    };
    let world = with_limits(2_500, 0);
    assert_eq!(code(world.local(put(chunked(3))).await).await, "413 body_too_large");
    let sized = HttpRequest::put("/bundles").header("host", "localhost").header("content-length", "2501");
    assert_snapshot!(text(world.local(sized.body(vec![0; 2_501].into()).unwrap()).await).await, @r#"
    413 Payload Too Large
    content-type: application/json
    {"error":"body_too_large","message":"the archive has more than 2500 bytes: make it smaller, or raise bundle.max_mb"}
    "#);
    assert_eq!(waiting(&world), Vec::<String>::new());
    let full = with_limits(1 << 20, u64::MAX / 2);
    assert_eq!(code(full.local(put("x")).await).await, "507 no_space");
    assert_eq!(waiting(&full), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_and_options_nobody_reads_are_no_archive() {
    let world = World::new(commits);
    assert_eq!(code(world.local(put("")).await).await, "422 bad_bundle");
    let query = HttpRequest::put("/bundles?sha256=x").header("host", "localhost").body("x".into()).unwrap();
    assert_eq!(code(world.local(query).await).await, "400 bad_query");
    assert_eq!(waiting(&world), Vec::<String>::new());
}

#[tokio::test]
async fn one_archive_arrives_at_a_time() {
    let world = World::new(commits);
    let _held = world.state.uploads.turn.acquire().await.unwrap();
    assert_eq!(code(world.local(put("x")).await).await, "409 busy");
}

#[tokio::test]
async fn without_a_token_nobody_brings_or_installs_a_bundle_over_tcp() {
    let mut world = World::new(commits);
    let device = |request: Builder| request.header("host", "192.168.1.17:5000");
    let answer = world.from("192.168.1.5", device(HttpRequest::put("/bundles")).body("x".into()).unwrap()).await;
    assert_eq!(code(answer).await, "401 token_missing");
    for path in ["/bundles", "/server/poll"] {
        let answer = world.from("192.168.1.5", empty(device(HttpRequest::get(path)))).await;
        assert_eq!(code(answer).await, "401 token_missing", "{path}");
    }
    let native = device(HttpRequest::post("/update")).header("content-type", "application/json");
    let answer = world.from("192.168.1.5", native.body(r#"{"bundle":{"kept":"2.33.06"}}"#.into()).unwrap()).await;
    assert_eq!(code(answer).await, "401 token_missing");
    assert!(world.asked.try_recv().is_err());
    let with_token = HttpRequest::put("/bundles").header("host", "127.0.0.1:5000");
    let with_token = with_token.header("authorization", format!("Bearer {TOKEN}")).body("x".into()).unwrap();
    assert_eq!(world.from("127.0.0.1", with_token).await.status(), 201);
}

#[tokio::test]
async fn an_upload_becomes_an_order_with_its_size() {
    let mut world = World::new(goes_on);
    world.local(put("an archive")).await;
    let sha256 = digest(b"an archive");
    let body = format!(
        r#"{{"bundle":{{"uploaded":"{sha256}","version":"2.0"}},"idempotency_key":"k","approve":["older_version"]}}"#
    );
    let answer = text(world.local(json("/update", &body)).await).await;
    assert_snapshot!(answer.replace(&sha256, "DIGEST"), @r#"
    202 Accepted
    content-type: application/json
    location: /jobs/1
    {"id":1,"request":{"kind":"update","packages":[],"dry_run":false,"approve":["older_version"],"bundle":{"source":{"from":"upload"},"sha256":"DIGEST","size":10,"version":"2.0"}},"door":"socket","idempotency_key":"k","state":"planning","message":"","created_at":"2026-01-02T03:04:05Z"}
    "#);
    let (request, _, _) = world.asked.recv().await.unwrap();
    assert_eq!(request.bundle().unwrap().source, BundleSource::Upload);
    let unknown = format!(r#"{{"bundle":{{"uploaded":"{}"}}}}"#, digest(b"another"));
    assert_eq!(code(world.local(json("/update", &unknown)).await).await, "404 unknown_bundle");
}

#[tokio::test]
async fn a_kept_bundle_is_ordered_by_the_stores_digest() {
    let mut world = World::new(goes_on);
    assert_eq!(world.local(json("/update", r#"{"bundle":{"kept":"2.33.06"}}"#)).await.status(), 202);
    let (request, _, _) = world.asked.recv().await.unwrap();
    let order = request.bundle().unwrap();
    assert_eq!((&order.source, order.version.as_ref().unwrap().as_str()), (&BundleSource::Kept, "v2.33.06"));
    assert_eq!(order.sha256, belay_protocol::Sha256::from_bytes([6; 32]));
    assert_snapshot!(text(world.local(json("/update", r#"{"bundle":{"kept":"1.0"}}"#)).await).await, @r#"
    404 Not Found
    content-type: application/json
    {"error":"unknown_bundle","message":"there is no kept bundle of version 1.0: GET /bundles lists those that are kept"}
    "#);
}

#[tokio::test]
async fn a_plan_of_a_bundle_is_a_dry_run() {
    let mut world = World::new(|job| ends(job, JobState::Refused, Reason::DryRun, "a dry run"));
    assert_eq!(world.local(json("/plan", r#"{"bundle":{"kept":"2.33.06"}}"#)).await.status(), 200);
    let (request, _, _) = world.asked.recv().await.unwrap();
    assert!(matches!(request, Request::Update { dry_run: true, bundle: Some(_), .. }), "{request:?}");
}

#[tokio::test]
async fn a_list_and_a_bundle_are_two_jobs() {
    let mut world = World::new(commits);
    let both = json("/update", r#"{"packages":["demo-app"],"bundle":{"kept":"1"}}"#);
    assert_snapshot!(text(world.local(both).await).await, @r#"
    400 Bad Request
    content-type: application/json
    {"error":"bad_json","message":"the body is not the JSON that this route reads: bundle: a job installs `packages` or a bundle; give one of them","field":"bundle"}
    "#);
    let manifest = r#"{"bundle":{"url":"https://x/b","manifest":{"text":"{}"}}}"#;
    assert_snapshot!(text(world.local(json("/update", manifest)).await).await, @r#"
    422 Unprocessable Entity
    content-type: application/json
    {"error":"bad_manifest","message":"the bundle's manifest is not the one that it needs: the manifest cannot be read: missing field `version` at line 1 column 2","field":"bundle.manifest"}
    "#);
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn kept_bundles_are_listed() {
    let world = World::new(commits);
    assert_snapshot!(text(world.local(empty(get("/bundles"))).await).await, @r#"
    200 OK
    content-type: application/json
    {"bundles":[{"version":"2.33.07","sha256":"0707070707070707070707070707070707070707070707070707070707070707","bytes":4096,"in_force":true},{"version":"v2.33.06","sha256":"0606060606060606060606060606060606060606060606060606060606060606","bytes":4096,"in_force":false}]}
    "#);
}

#[tokio::test]
async fn a_rollback_to_a_version_goes_to_its_generation_or_installs_the_kept_bundle() {
    let mut world = World::new(goes_on);
    world.change(|view| view.state_mut().generations = generations());
    assert_eq!(world.local(json("/rollback", r#"{"to_version":"2.33.05"}"#)).await.status(), 202);
    assert_eq!(world.asked.recv().await.unwrap().0, rollback_of(Some(3)));
    let answer = text(world.local(json("/rollback", r#"{"to_version":"2.33.06","approve":["denied"]}"#)).await).await;
    assert!(
        answer.contains(
            r#""message":"no generation on the way back stands for 2.33.06, so its kept bundle is installed again""#
        ),
        "{answer}"
    );
    let (request, _, _) = world.asked.recv().await.unwrap();
    assert_eq!((&request.bundle().unwrap().source, request.approvals()), (&BundleSource::Kept, &[Reason::Denied][..]));
}

#[tokio::test]
async fn a_rollback_to_what_is_not_there_is_refused() {
    let mut world = World::new(commits);
    world.change(|view| view.state_mut().generations = generations());
    for (body, expected) in [
        (r#"{"to_version":"v2.33.07"}"#, "409 nothing_to_undo"),
        (r#"{"to_version":"9.9"}"#, "409 unknown_generation"),
        (r#"{"to_version":"a b"}"#, "400 bad_json"),
        (r#"{"to_version":"2.33.05","to":3}"#, "400 bad_json"),
    ] {
        assert_eq!(code(world.local(json("/rollback", body)).await).await, expected, "{body}");
    }
    let legacy = world.local(empty(get("/rollback?to_version=2.33.05"))).await;
    assert_eq!(code(legacy).await, "400 bad_query");
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn the_server_is_asked_when_somebody_wants_it() {
    let mut world = World::new(commits);
    assert_snapshot!(text(world.local(empty(post("/server/poll"))).await).await, @r#"
    409 Conflict
    content-type: application/json
    {"error":"not_enrolled","message":"this device belongs to no server, so there is nobody to ask; `belay-agent enrol --server URL` changes that"}
    "#);
    let mut asked = world.link();
    let polled = tokio::join!(world.local(empty(post("/server/poll"))), async {
        let Some(LinkCall::Poll { answer }) = asked.recv().await else { panic!("nobody polls") };
        answer.send(Ok(polled())).unwrap();
    });
    assert_snapshot!(text(polled.0).await, @r#"
    200 OK
    content-type: application/json
    {"server":{"url":"https://b"},"wants":{"assignment":{"deployment":"spring","attempt":2},"action":"install_bundle","release":"2.33.07"}}
    "#);
    for (error, expected) in [
        (PollError::Refused("it says 401".into()), "422 server_refused"),
        (PollError::Unreachable("nobody there".into()), "502 server_unreachable"),
        (PollError::Stopping, "503 stopping"),
    ] {
        let polled = tokio::join!(world.local(empty(post("/server/poll"))), async {
            let Some(LinkCall::Poll { answer }) = asked.recv().await else { panic!("nobody polls") };
            answer.send(Err(error)).unwrap();
        });
        assert_eq!(code(polled.0).await, expected);
    }
    assert_eq!(code(world.local(json("/server/poll", r#"{"now":true}"#)).await).await, "400 bad_json");
}

fn polled() -> Polled {
    let server =
        ServerLink { url: "https://b".into(), device: None, authorized: None, last_contact: None, last_error: None };
    let assignment = belay_protocol::sync::AssignmentRef { deployment: "spring".parse().unwrap(), attempt: 2 };
    let release = Some("2.33.07".parse().unwrap());
    Polled { server, wants: Some(ServerWish { assignment, action: "install_bundle".into(), release }), job: None }
}

fn generations() -> Vec<GenerationView> {
    let generation = |number: u64, release: &str, current: bool| GenerationView {
        generation: Generation(number),
        parent: None,
        current,
        reachable: !current,
        job: None,
        committed_at: None,
        changes: vec![],
        release: Some(release.parse().unwrap()),
    };
    vec![generation(4, "2.33.07", true), generation(3, "2.33.05", false)]
}
