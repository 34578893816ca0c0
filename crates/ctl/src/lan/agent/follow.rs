//! Following an agent's job to its end. The agent may restart meanwhile; who follows gives up when the time is over.

use std::time::Duration;

use belay_protocol::job::{Job, JobId, JobState};
use belay_protocol::local::Event;
use belay_protocol::sse::Decoder;
use belay_terminal::job::{step, verdict as words};
use reqwest::Method;
use tokio::time::{sleep, timeout};

use super::path;
use crate::lan::Outcome;
use crate::lan::carry_out::{Course, Verdict};
use crate::lan::device::{Device, Trouble, send, trouble};

/// An agent that restarts is away for a moment.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// A stream says something every 15 s.
const QUIET: Duration = Duration::from_secs(40);

/// Follows a job that the device has taken.
pub(super) async fn follow(device: &Device, mut job: Job, course: &Course) -> Verdict {
    while !job.state.is_end() {
        course.working(step(job.state), None).await;
        match listen(device, &mut job, course).await {
            Ok(()) => {}
            Err(Trouble::Refused { status: 404, .. }) => return forgotten(job.id),
            Err(Trouble::Refused { .. } | Trouble::NoConnection(_) | Trouble::Lost(_) | Trouble::Unreadable) => {
                course.working("does not answer", None).await;
            }
        }
        if !job.state.is_end() {
            sleep(RETRY).await;
        }
    }
    verdict(&job)
}

/// Follows a job of which no more is known than its number.
pub(super) async fn follow_known(device: &Device, id: JobId, course: &Course) -> Verdict {
    loop {
        match device.fetch::<Job>(&path(id)).await {
            Ok(job) => return follow(device, job, course).await,
            Err(Trouble::Refused { status: 404, .. }) => return forgotten(id),
            Err(Trouble::Refused { .. } | Trouble::NoConnection(_) | Trouble::Lost(_) | Trouble::Unreadable) => {
                course.working("does not answer", None).await;
                sleep(RETRY).await;
            }
        }
    }
}

/// Listens to the job's events until they end.
async fn listen(device: &Device, job: &mut Job, course: &Course) -> Result<(), Trouble> {
    let opening = send(device.request(Method::GET, &format!("{}/events", path(job.id))));
    let mut stream = timeout(QUIET, opening).await.map_err(|_| quiet())??;
    let mut decoder = Decoder::default();
    while let Some(bytes) =
        timeout(QUIET, stream.chunk()).await.map_err(|_| quiet())?.map_err(|error| trouble(&error))?
    {
        decoder.push(&bytes);
        while let Some(data) = decoder.next_event() {
            match serde_json::from_str::<Event>(&data).map_err(|_| Trouble::Unreadable)? {
                Event::Progress(progress) => course.working(step(progress.phase), Some(whole(progress.percent))).await,
                Event::State(now) => {
                    *job = *now;
                    course.working(step(job.state), None).await;
                }
            }
        }
    }
    Ok(())
}

fn quiet() -> Trouble {
    Trouble::Lost("no answer in time".to_owned())
}

fn forgotten(id: JobId) -> Verdict {
    Verdict::new(Outcome::NeedsAttention, format!("it no longer knows job {id}; look at it with `belay-agent status`"))
}

/// How a job that is over ended.
pub(super) fn verdict(job: &Job) -> Verdict {
    let rollback = job.request.is_rollback();
    let fulfilled = job.has_updated() || job.has_gone_back();
    let outcome = match job.state {
        JobState::Committed | JobState::RolledBack | JobState::Refused if fulfilled => Outcome::Done,
        JobState::RolledBack => Outcome::Undone,
        JobState::Refused => Outcome::Refused,
        JobState::Committed | JobState::NeedsAttention => Outcome::NeedsAttention,
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack => Outcome::Silent,
    };
    let said = words(job, rollback || job.has_gone_back());
    let message = if fulfilled || job.message.is_empty() { said } else { job.message.clone() };
    Verdict { outcome, message, reason: job.reason.filter(|_| !fulfilled).map(|reason| reason.to_string()) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 first")]
pub(super) fn whole(percent: f32) -> u8 {
    percent.clamp(0.0, 100.0) as u8
}
