use belay_protocol::job::JobState;
use futures_util::StreamExt;

use super::*;
use crate::control::tests::{World, empty, get, goes_on, job, text, update_of};
use crate::machine::state::{Running, Step};

fn view(state: JobState, percent: Option<f32>) -> View {
    let shown = job(7, update_of("demo-app"), state);
    let progress = percent.map(|percent| Progress { job: JobId(7), phase: state, percent, detail: "x".into() });
    let mut view = View { progress, ..View::default() };
    if state.is_end() {
        view.state_mut().ended.push_back(shown);
    } else {
        view.state_mut().running = Some(Running { job: shown, step: Step::Planning, restarts: 0, closure: None });
    }
    view
}

fn names(news: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::State(job) => job.state.to_string(),
        Event::Progress(progress) => format!("{} {}", progress.phase, progress.percent),
    };
    news.iter().map(name).collect()
}

#[test]
fn only_what_is_new_is_told_and_the_end_is_the_last() {
    let mut follower = Follower::new(JobId(7));
    assert_eq!(names(&follower.news(&view(JobState::Planning, None))), ["planning"]);
    assert!(follower.news(&view(JobState::Planning, None)).is_empty());
    assert_eq!(names(&follower.news(&view(JobState::Planning, Some(10.0)))), ["planning 10"]);
    assert!(follower.news(&view(JobState::Planning, Some(10.0))).is_empty());
    assert_eq!(names(&follower.news(&view(JobState::Applying, Some(0.0)))), ["applying", "applying 0"]);
    assert!(!follower.over);
    assert_eq!(names(&follower.news(&view(JobState::Committed, Some(99.0)))), ["committed"]);
    assert!(follower.over);
}

#[test]
fn progress_of_another_job_is_not_told_and_a_forgotten_job_ends_the_stream() {
    let mut follower = Follower::new(JobId(7));
    let mut other = view(JobState::Planning, Some(10.0));
    other.progress.as_mut().unwrap().job = JobId(8);
    assert_eq!(names(&follower.news(&other)), ["planning"]);
    assert!(follower.news(&View::default()).is_empty());
    assert!(follower.over);
}

#[tokio::test]
async fn the_stream_begins_where_the_job_stands_and_ends_with_it() {
    let world = World::new(goes_on);
    world.change(|shown| *shown = view(JobState::Planning, Some(10.0)));
    let answer = world.local(empty(get("/jobs/7/events"))).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let (head, body) = answer.into_parts();
    let mut chunks = body.into_data_stream();
    let mut heard = String::new();
    while !heard.contains("progress") {
        heard.push_str(std::str::from_utf8(&chunks.next().await.unwrap().unwrap()).unwrap());
    }
    world.change(|shown| *shown = view(JobState::Committed, None));
    let rest = axum::response::Response::from_parts(head, axum::body::Body::from_stream(chunks));
    heard.push_str(text(rest).await.split_once("text/event-stream\n").unwrap().1);
    insta::assert_snapshot!(heard, @r#"
    event: state
    data: {"event":"state","id":7,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"planning","message":"","created_at":"2026-01-02T03:04:05Z"}

    event: progress
    data: {"event":"progress","job":7,"phase":"planning","percent":10.0,"detail":"x"}

    event: state
    data: {"event":"state","id":7,"request":{"kind":"update","packages":["demo-app"],"dry_run":false,"approve":[]},"door":"socket","state":"committed","message":"","created_at":"2026-01-02T03:04:05Z"}
    "#);
}

#[tokio::test]
async fn the_stream_ends_when_the_daemon_does() {
    let (send, receive) = watch::channel(Arc::new(view(JobState::Planning, None)));
    let stream = follow(Follower::new(JobId(7)), receive);
    drop(send);
    assert_eq!(stream.count().await, 1);
}
