use std::sync::atomic::AtomicUsize;

use belay_protocol::PackageList;
use belay_protocol::job::{Door, Generation, Job, JobId, JobState, Request};
use belay_protocol::local::Status;

use super::pretender::{Pretender, Reply};
use super::*;
use crate::lan::{Host, look};
use crate::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(2);

fn update() -> Order {
    Order::Update { name: "list.txt".to_owned(), list: PackageList::from_lines(["demo-app"]).unwrap() }
}

fn job(id: u64, state: JobState) -> Job {
    let Order::Update { list: packages, .. } = update() else { unreachable!() };
    Job {
        id: JobId(id),
        request: Request::Update { packages, dry_run: false, approve: Vec::new(), release: None, bundle: None },
        door: Door::Legacy,
        idempotency_key: None,
        state,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: Some(Generation(id)),
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        ended_at: None,
    }
}

fn status(last: Option<Job>) -> Status {
    Status {
        hostname: Some("kitchen".to_owned()),
        version: "0.1.0".to_owned(),
        generation: Generation(1),
        previous: None,
        needs_attention: false,
        job: None,
        progress: None,
        queued: None,
        last,
        warnings: Vec::new(),
        server: None,
    }
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

fn alive() -> Reply {
    Reply::Agent(200, "{\"status\":\"alive\",\"device\":\"raspberry-pi\"}".to_owned())
}

/// An agent that is nothing but there, and does this with an order.
fn agent(mut order: impl FnMut() -> Reply + Send + 'static) -> Pretender {
    Pretender::start(move |request| match request {
        ping if ping.starts_with("GET /ping") => alive(),
        look if look.starts_with("GET /status") => Reply::Agent(200, text(&status(None))),
        _ => order(),
    })
}

fn target(device: &Pretender, token: Option<&str>) -> Target {
    let token = token.map(|token| Secret::new(token.to_owned()));
    Target { host: Host::new(device.address, Kind::Agent), token }
}

async fn ends(targets: Vec<Target>) -> Vec<End> {
    let mut ends = vec![None; targets.len()];
    let mut news = carry_out(targets, update(), Pace { timeout: PATIENCE, ..Pace::default() });
    while let Some((place, news)) = news.recv().await {
        if let News::Ended(end) = news {
            ends[place] = Some(end);
        }
    }
    ends.into_iter().map(Option::unwrap).collect()
}

async fn end(target: Target) -> End {
    ends(vec![target]).await.remove(0)
}

#[tokio::test]
async fn an_order_goes_to_all_with_one_key_so_that_a_device_at_two_addresses_takes_it_once() {
    let devices = [1, 2].map(|_| agent(|| Reply::Agent(202, text(&job(1, JobState::Committed)))));
    let ends = ends(devices.iter().map(|device| target(device, Some("secret"))).collect()).await;
    assert!(ends.iter().all(|end| end.outcome == Outcome::Done), "{ends:?}");
    let key = |device: &Pretender| {
        let posts = device.posts();
        let body = posts[0].split_once("\r\n\r\n").unwrap().1.to_owned();
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["idempotency_key"].clone()
    };
    assert!(key(&devices[0]).is_string());
    assert_eq!(key(&devices[0]), key(&devices[1]));
}

#[tokio::test]
async fn what_may_have_arrived_is_not_said_to_be_unsent_where_the_device_goes_away() {
    let device = agent(|| Reply::Vanish);
    let end = end(target(&device, Some("secret"))).await;
    assert_eq!(end.outcome, Outcome::Silent, "{end:?}");
    assert!(!end.message.contains("nothing was sent"), "{end:?}");
}

#[tokio::test]
async fn an_address_that_belongs_to_an_old_device_by_now_gets_nothing() {
    let ping = "{\"status\":\"alive\",\"device\":\"raspberry-pi\"}";
    let device = Pretender::start(move |_| Reply::Flask(ping.to_owned()));
    let end = end(target(&device, None)).await;
    assert_eq!((end.outcome, end.reason.as_deref()), (Outcome::Refused, Some("not_what_it_was")), "{end:?}");
    assert_eq!(device.posts(), [""; 0]);
}

#[tokio::test]
async fn what_a_device_says_gives_no_orders_to_a_terminal() {
    let body = "{\"error\":\"bad\\u001b[2J\\ncode\",\"message\":\"first\\u001b]0;x\\u0007\\n\\u001b[8msecond\"}";
    let device = agent(move || Reply::Agent(409, body.to_owned()));
    let end = end(target(&device, Some("secret"))).await;
    assert_eq!((end.message.as_str(), end.reason.as_deref()), ("first]0;x\nsecond", Some("bad[2J code")));

    let forged = "\u{1b}]0;x\u{7}\n10.0.0.9  \u{1b}[8mkitchen".to_owned();
    let device = Pretender::start(move |request| match request.starts_with("GET /ping") {
        true => alive(),
        false => Reply::Agent(200, text(&Status { hostname: Some(forged.clone()), ..status(None) })),
    });
    let host = look(device.address, PATIENCE).await.unwrap();
    assert_eq!(host.name.as_deref(), Some("]0;x 10.0.0.9  kitchen"));
}

#[tokio::test]
async fn a_job_of_last_week_is_not_taken_for_the_order_where_the_device_did_not_say_how_it_stood() {
    let looks = AtomicUsize::new(0);
    let device = Pretender::start(move |request| match request {
        ping if ping.starts_with("GET /ping") => alive(),
        look if look.starts_with("GET /status") => match looks.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Reply::Agent(500, String::new()),
            _ => Reply::Agent(200, text(&status(Some(job(7, JobState::RolledBack))))),
        },
        known if known.starts_with("GET /jobs/7") => Reply::Agent(200, text(&job(7, JobState::RolledBack))),
        _ => Reply::Agent(200, "{}".to_owned()),
    });
    let end = end(target(&device, None)).await;
    assert_eq!((end.outcome, end.message.as_str()), (Outcome::Done, "updated"));
}

#[tokio::test]
async fn a_job_that_is_over_before_the_first_look_is_found_all_the_same() {
    let told = AtomicUsize::new(0);
    let device = Pretender::start(move |request| match request {
        ping if ping.starts_with("GET /ping") => alive(),
        look if look.starts_with("GET /status") => {
            let last = (told.load(Ordering::Relaxed) > 0).then(|| job(1, JobState::Committed));
            Reply::Agent(200, text(&status(last)))
        }
        known if known.starts_with("GET /jobs/1") => Reply::Agent(200, text(&job(1, JobState::Committed))),
        _ => {
            told.fetch_add(1, Ordering::Relaxed);
            Reply::Agent(200, "{}".to_owned())
        }
    });
    let end = end(target(&device, None)).await;
    assert_eq!((end.outcome, end.message.as_str()), (Outcome::Done, "updated; generation 1 is in force"));
}
