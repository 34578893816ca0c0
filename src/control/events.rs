//! `GET /jobs/{id}/events`: a job's life as server-sent events, from where it stands to its end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{self, KeepAlive, Sse};
use belay_protocol::job::{Job, JobId, Progress};
use belay_protocol::local::Event;
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::watch;

use crate::daemon::handle::View;

use super::errors::Refusal;
use super::state::ControlState;
use super::views::job_id;

/// Silence is broken this often, so that neither end nor anything between them takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn events(
    State(control): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Refusal> {
    let id = job_id(&id)?;
    let view = control.handle.view();
    if view.borrow().state.job(id).is_none() {
        return Err(id.into());
    }
    Ok(Sse::new(follow(Follower::new(id), view)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn follow(follower: Follower, view: watch::Receiver<Arc<View>>) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let start = (follower, view, VecDeque::new());
    stream::unfold(start, async |(mut follower, mut view, mut waiting)| {
        loop {
            if let Some(event) = waiting.pop_front() {
                return Some((Ok(encode(&event)), (follower, view, waiting)));
            }
            if follower.over {
                return None;
            }
            // The first look is at the present view; each later one waits for a change.
            if follower.looked && view.changed().await.is_err() {
                return None;
            }
            let now = Arc::clone(&view.borrow_and_update());
            waiting.extend(follower.news(&now));
        }
    })
}

fn encode(event: &Event) -> sse::Event {
    let name = match event {
        Event::Progress(_) => "progress",
        Event::State(_) => "state",
    };
    let data = serde_json::to_string(event).expect("these types have only text keys and finite numbers");
    sse::Event::default().event(name).data(data)
}

/// What a follower of one job was told so far.
#[derive(Debug)]
struct Follower {
    id: JobId,
    looked: bool,
    over: bool,
    job: Option<Job>,
    progress: Option<Progress>,
}

impl Follower {
    fn new(id: JobId) -> Self {
        Self { id, looked: false, over: false, job: None, progress: None }
    }

    /// What is new for the follower in a view.
    fn news(&mut self, view: &View) -> Vec<Event> {
        self.looked = true;
        let mut news = Vec::new();
        match view.state.job(self.id) {
            None => self.over = true,
            Some(job) => {
                self.over = job.state.is_end();
                if self.job.as_ref() != Some(job) {
                    self.job = Some(job.clone());
                    news.push(Event::State(Box::new(job.clone())));
                }
            }
        }
        let progress = view.progress.as_ref().filter(|progress| progress.job == self.id && !self.over);
        if let Some(progress) = progress.filter(|progress| self.progress.as_ref() != Some(progress)) {
            self.progress = Some(progress.clone());
            news.push(Event::Progress(progress.clone()));
        }
        news
    }
}

#[cfg(test)]
mod tests;
