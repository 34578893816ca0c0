use belay_protocol::job::{Door, Generation, Progress, Request};
use belay_protocol::local::ServerLink;
use belay_protocol::{Failure, Reason};
use jiff::Timestamp;

use super::*;
use crate::machine::state::{Running, Step, Stuck};

fn job(id: u64, state: JobState) -> Job {
    Job {
        id: JobId(id),
        request: Request::Rollback { to: None, approve: vec![], from: None },
        door: Door::Socket,
        idempotency_key: None,
        state,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: None,
        created_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
    }
}

fn lines(metrics: &Metrics, start: &str) -> Vec<String> {
    let text = metrics.render().unwrap();
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn every_figure_shows_before_anything_happened() {
    let (metrics, mut observer) = Metrics::new();
    observer.see(&View::default());
    let text = metrics.render().unwrap();
    let figures: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut expected = vec![
        "belay_jobs_total{end=\"committed\"} 0".to_owned(),
        "belay_jobs_total{end=\"needs_attention\"} 0".to_owned(),
        "belay_jobs_total{end=\"refused\"} 0".to_owned(),
        "belay_jobs_total{end=\"rolled_back\"} 0".to_owned(),
        "belay_job_running 0".to_owned(),
        "belay_job_queued 0".to_owned(),
        "belay_job_progress_percent 0.0".to_owned(),
        "belay_generation 0".to_owned(),
        "belay_needs_attention 0".to_owned(),
        "belay_warnings 0".to_owned(),
        "belay_server_connected 0".to_owned(),
        format!("belay_build_info{{version=\"{version}\"}} 1"),
    ];
    let mut figures: Vec<String> = figures.into_iter().map(str::to_owned).collect();
    figures.sort();
    expected.sort();
    assert_eq!(figures, expected);
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn each_end_is_counted_once_and_none_from_before_the_start() {
    let (metrics, mut observer) = Metrics::new();
    let mut view = View::default();
    view.state_mut().ended.push_back(job(1, JobState::Committed));
    observer.see(&view);
    assert_eq!(lines(&metrics, "belay_jobs_total{end=\"committed\"}"), ["belay_jobs_total{end=\"committed\"} 0"]);
    // A waiting rollback that a newer one replaced ends before the job that it waited for.
    view.state_mut().ended.push_back(job(3, JobState::Refused));
    observer.see(&view);
    view.state_mut().ended.push_back(job(2, JobState::NeedsAttention));
    view.state_mut().ended.pop_front();
    observer.see(&view);
    observer.see(&view);
    assert_eq!(
        lines(&metrics, "belay_jobs_total"),
        [
            "belay_jobs_total{end=\"committed\"} 0",
            "belay_jobs_total{end=\"needs_attention\"} 1",
            "belay_jobs_total{end=\"refused\"} 1",
            "belay_jobs_total{end=\"rolled_back\"} 0",
        ]
    );
    assert_eq!(lines(&metrics, "belay_needs_attention"), ["belay_needs_attention 0"]);
    let failure = Failure::new(Reason::UndoFailed, "look at it");
    view.state_mut().stuck = Some(Stuck { job: JobId(2), failure });
    observer.see(&view);
    assert_eq!(lines(&metrics, "belay_needs_attention"), ["belay_needs_attention 1"]);
}

#[test]
fn a_running_job_and_its_progress_show() {
    let (metrics, mut observer) = Metrics::new();
    let mut view = View::default();
    view.state_mut().generation = Generation(4);
    view.state_mut().running =
        Some(Running { job: job(7, JobState::Applying), step: Step::Applying, restarts: 0, closure: None });
    view.state_mut().queued = Some(job(8, JobState::Accepted));
    view.progress =
        Some(Progress { job: JobId(7), phase: JobState::Applying, percent: 12.5, detail: "unpacking".into() });
    view.warnings.push("a door is open".into());
    observer.see(&view);
    assert_eq!(
        lines(&metrics, "belay_job_"),
        ["belay_job_progress_percent 12.5", "belay_job_queued 1", "belay_job_running 1"]
    );
    assert_eq!(lines(&metrics, "belay_generation"), ["belay_generation 4"]);
    assert_eq!(lines(&metrics, "belay_warnings"), ["belay_warnings 1"]);
}

#[tokio::test]
async fn the_observer_follows_the_view_until_the_daemon_ends() {
    let (metrics, observer) = Metrics::new();
    let (send, receive) = watch::channel(Arc::new(View::default()));
    let follower = tokio::spawn(observer.follow(receive, None));
    tokio::task::yield_now().await;
    let mut view = View::default();
    view.state_mut().ended.push_back(job(1, JobState::Committed));
    send.send_replace(Arc::new(view));
    drop(send);
    follower.await.unwrap();
    assert_eq!(lines(&metrics, "belay_jobs_total{end=\"committed\"}"), ["belay_jobs_total{end=\"committed\"} 1"]);
}

#[test]
fn the_link_tells_whether_the_server_answers_and_what_it_warns_of() {
    let (metrics, mut observer) = Metrics::new();
    let link = ServerLink {
        url: "https://a".into(),
        device: None,
        authorized: None,
        last_contact: Some(Timestamp::UNIX_EPOCH),
        last_error: None,
    };
    let view = LinkView { link: Some(link.clone()), warnings: vec!["the clock".into(), "another".into()] };
    observer.see(&View { warnings: vec!["a door".into()], ..View::default() });
    observer.see_link(&view);
    assert_eq!(lines(&metrics, "belay_server_connected"), ["belay_server_connected 1"]);
    assert_eq!(lines(&metrics, "belay_warnings"), ["belay_warnings 3"]);
    let away = ServerLink { last_error: Some("it is away".into()), ..link };
    observer.see_link(&LinkView { link: Some(away), warnings: Vec::new() });
    assert_eq!(lines(&metrics, "belay_server_connected"), ["belay_server_connected 0"]);
    assert_eq!(lines(&metrics, "belay_warnings"), ["belay_warnings 1"]);
}

#[tokio::test]
async fn the_observer_follows_the_link_too_and_outlives_it() {
    let (metrics, observer) = Metrics::new();
    let (view, receive) = watch::channel(Arc::new(View::default()));
    let (link, watched) = watch::channel(LinkView::default());
    let follower = tokio::spawn(observer.follow(receive, Some(watched)));
    link.send(LinkView { link: None, warnings: vec!["the clock".into()] }).unwrap();
    while lines(&metrics, "belay_warnings") != ["belay_warnings 1"] {
        tokio::task::yield_now().await;
    }
    drop(link);
    view.send_modify(|view| Arc::make_mut(view).warnings.push("a door".into()));
    while lines(&metrics, "belay_warnings") != ["belay_warnings 2"] {
        tokio::task::yield_now().await;
    }
    drop(view);
    follower.await.unwrap();
}
