//! Telling an agent: in its own format with a token, in the old controller's without one. Either way its job is followed.

mod follow;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use belay_protocol::job::{Door, Job, JobId};
use belay_protocol::local::{ErrorBody, RollbackRequest, Status, UpdateRequest};
use belay_terminal::job::step;
use reqwest::{Method, RequestBuilder};
use serde::de::IgnoredAny;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::carry_out::{Course, Verdict};
use super::device::{Device, Trouble, read, send};
use super::{Order, Outcome, flask};

/// How often an agent that is told in the old format is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Tells an agent in its own format. The key makes it safe to say it once more where the answer was lost.
pub(super) async fn with_token(device: &Device, order: &Order, course: &Course) -> Verdict {
    let key = Some(format!("belayctl-{:016x}", RandomState::new().hash_one(device.address)));
    let request = || match order {
        Order::Update { list, .. } => device.request(Method::POST, "/update").json(&UpdateRequest {
            packages: list.specs().iter().map(ToString::to_string).collect(),
            idempotency_key: key.clone(),
            ..UpdateRequest::default()
        }),
        Order::Rollback => device
            .request(Method::POST, "/rollback")
            .json(&RollbackRequest { idempotency_key: key.clone(), ..RollbackRequest::default() }),
    };
    course.sending();
    let mut answer = told(request()).await;
    if matches!(answer, Err(Trouble::Lost(_))) {
        answer = told(request()).await;
    }
    match answer {
        Ok(job) => follow::follow(device, job, course).await,
        Err(trouble) => refused(trouble, course),
    }
}

async fn told(request: RequestBuilder) -> Result<Job, Trouble> {
    read(send(request).await?).await
}

/// Tells an agent as the old controller does. It answers at the end; meanwhile its status shows how far it is.
pub(super) async fn without_token(device: &Device, order: &Order, course: &Course) -> Verdict {
    let before = device.fetch::<Status>("/status").await.map_or(JobId(0), |status| newest(&status));
    course.sending();
    let mut answer = Box::pin(send(flask::request(device, order)));
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut job = None;
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            _ = ticks.tick() => if let Some(found) = ours(device, order, before, course).await {
                job = Some(found);
            },
        }
    };
    let named = match &answer {
        Ok(_) => None,
        Err(Trouble::Refused { body: Some(ErrorBody { job: Some(id), error, .. }), .. }) if error != "busy" => {
            Some(*id)
        }
        // The agent went away in the middle, to update itself or because the power went: its job goes on.
        Err(Trouble::Lost(_)) => match job {
            Some(job) => Some(job),
            None => search(device, order, before, course).await,
        },
        Err(Trouble::Refused { .. } | Trouble::NoConnection(_) | Trouble::Unreadable) => None,
    };
    match (answer, named.or(job)) {
        (Ok(response), job) => {
            let _ = read::<IgnoredAny>(response).await;
            let ended = match job {
                Some(id) => device.fetch::<Job>(&path(id)).await.ok(),
                None => None,
            };
            ended.filter(|job| job.state.is_end()).map_or_else(|| done(order), |job| follow::verdict(&job))
        }
        (Err(Trouble::Refused { .. } | Trouble::Lost(_)), Some(id)) if named.is_some() => {
            follow::follow_known(device, id, course).await
        }
        (Err(trouble), _) => refused(trouble, course),
    }
}

/// The agent said that it is done, and no more.
fn done(order: &Order) -> Verdict {
    let message = match order {
        Order::Update { list, .. } if list.is_empty() => "the list is empty: there was nothing to do",
        Order::Update { .. } => "updated",
        Order::Rollback => "went back",
    };
    Verdict::new(Outcome::Done, message)
}

/// Looks for the job that the order became, and says how far it is.
async fn ours(device: &Device, order: &Order, before: JobId, course: &Course) -> Option<JobId> {
    let status = device.fetch::<Status>("/status").await.ok()?;
    let running = status.job.as_ref().filter(|job| is_ours(job, order, before));
    if let Some(job) = running {
        let progress =
            status.progress.as_ref().filter(|progress| progress.job == job.id && progress.phase == job.state);
        course.working(step(job.state), progress.map(|progress| follow::whole(progress.percent))).await;
    }
    running.or(status.last.as_ref().filter(|job| is_ours(job, order, before))).map(|job| job.id)
}

/// Looks until the agent is back and says whether it has the order.
async fn search(device: &Device, order: &Order, before: JobId, course: &Course) -> Option<JobId> {
    course.working("does not answer", None).await;
    loop {
        if device.fetch::<Status>("/status").await.is_ok() {
            return ours(device, order, before, course).await;
        }
        sleep(LOOK).await;
    }
}

fn newest(status: &Status) -> JobId {
    let ids = [&status.job, &status.last].into_iter().flatten().map(|job| job.id);
    ids.chain(status.queued).max().unwrap_or(JobId(0))
}

fn is_ours(job: &Job, order: &Order, before: JobId) -> bool {
    let same = match (order, &job.request) {
        (Order::Update { list, .. }, belay_protocol::job::Request::Update { packages, bundle: None, .. }) => {
            list == packages
        }
        (Order::Rollback, belay_protocol::job::Request::Rollback { .. }) => true,
        (Order::Update { .. } | Order::Rollback, _) => false,
    };
    same && job.id > before && job.door == Door::Legacy
}

fn path(job: JobId) -> String {
    format!("/jobs/{job}")
}

/// Why an agent did not take the order.
fn refused(trouble: Trouble, course: &Course) -> Verdict {
    match trouble {
        Trouble::NoConnection(why) => {
            course.not_sent();
            Verdict::new(Outcome::Unreachable, format!("it does not answer: {why}; nothing was sent"))
        }
        Trouble::Lost(why) => Verdict::new(
            Outcome::Silent,
            format!("the connection broke while it was told ({why}); whether it took the order is not known"),
        ),
        Trouble::Refused { body: Some(body), .. } => {
            let line = body.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Verdict { outcome: Outcome::Refused, message: format!("{line}{}", body.message), reason: Some(body.error) }
        }
        Trouble::Refused { status, body: None } => {
            Verdict::new(Outcome::Refused, format!("it answered {status} and said no more"))
        }
        Trouble::Unreadable => Verdict::new(
            Outcome::Silent,
            "it answered something that belayctl cannot read: is it a newer agent? Look at it with `belay-agent status`",
        ),
    }
}

#[cfg(test)]
mod tests;
