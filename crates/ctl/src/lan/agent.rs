//! Telling an agent: in its own format with a token, in the old controller's without one. Either way its job is followed.

mod follow;

use std::time::Duration;

use belay_protocol::job::{Door, Job, JobId};
use belay_protocol::local::{ErrorBody, RollbackRequest, Status, UpdateRequest};
use belay_terminal::job::step;
use reqwest::{Method, RequestBuilder, Response};
use serde::de::IgnoredAny;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::carry_out::{Course, Errand, Verdict};
use super::device::{Device, Trouble, read, send};
use super::twins::{Mark, Turn};
use super::{Order, Outcome, flask};

/// How often an agent that is told in the old format is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// How long an agent may take to say how it stands, before it is told anything.
const STANDING: Duration = Duration::from_secs(10);

/// How a device stands before it is told.
enum Before {
    /// It has the order already, by another of its addresses: as this job.
    Told(JobId),
    /// It is its turn, and this is its newest job.
    Turn(Turn, JobId),
    /// It does not say.
    Unknown,
}

/// Asks how a device stands, once it is its turn among those of its name.
async fn before(device: &Device, errand: &Errand) -> Before {
    let ask = || async { timeout(STANDING, device.fetch::<Status>("/status")).await.ok()?.ok() };
    let Some(status) = ask().await else { return Before::Unknown };
    let turn = errand.twins.turn(status.hostname.unwrap_or_default()).await;
    // It may be the one that was told meanwhile.
    let Some(status) = ask().await else { return Before::Unknown };
    match turn.already(&status).await {
        Some(job) => Before::Told(job),
        None => Before::Turn(turn, newest(&status)),
    }
}

/// Tells an agent in its own format. The key makes it safe to say it once more where the answer was lost.
pub(super) async fn with_token(device: &Device, errand: &Errand, course: &Course) -> Verdict {
    let key = || Some(errand.key.clone());
    let request = || match &errand.order {
        Order::Update { list, .. } => device.request(Method::POST, "/update").json(&UpdateRequest {
            packages: list.specs().iter().map(ToString::to_string).collect(),
            idempotency_key: key(),
            ..UpdateRequest::default()
        }),
        Order::Rollback => device
            .request(Method::POST, "/rollback")
            .json(&RollbackRequest { idempotency_key: key(), ..RollbackRequest::default() }),
    };
    let before = before(device, errand).await;
    course.sending().await;
    let turn = match before {
        Before::Told(job) => return follow::follow_known(device, job, course).await,
        Before::Turn(turn, _) => Some(turn),
        Before::Unknown => None,
    };
    match insist(request, course).await {
        Ok(job) => {
            if let Some(turn) = turn {
                turn.became(Mark::of(&job)).await;
            }
            follow::follow(device, job, course).await
        }
        Err(trouble) => refused(trouble, course),
    }
}

/// Says it, and once more where the answer was lost. What may have arrived stays so, whatever comes after.
async fn insist(request: impl Fn() -> RequestBuilder, course: &Course) -> Result<Job, Trouble> {
    let lost = match told(request()).await {
        Err(lost @ Trouble::Lost(_)) => lost,
        answer => return answer,
    };
    course.working("does not answer", None).await;
    loop {
        sleep(follow::RETRY).await;
        match told(request()).await {
            // It may be restarting, with the order.
            Err(Trouble::NoConnection(_)) => {}
            Err(Trouble::Lost(_)) => return Err(lost),
            answer => return answer,
        }
    }
}

async fn told(request: RequestBuilder) -> Result<Job, Trouble> {
    read(send(request).await?).await
}

/// Tells an agent as the old controller does. It answers at the end; meanwhile its status shows how far it is.
pub(super) async fn without_token(device: &Device, errand: &Errand, course: &Course) -> Verdict {
    let before = before(device, errand).await;
    course.sending().await;
    let (mut turn, before) = match before {
        Before::Told(job) => return follow::follow_known(device, job, course).await,
        Before::Turn(turn, before) => (Some(turn), Some(before)),
        Before::Unknown => (None, None),
    };
    let look = Look { device, order: &errand.order, before, course };
    let (answer, mut job) = look.until(send(flask::request(device, &errand.order)), &mut turn).await;
    if job.is_none() && !matches!(answer, Err(Trouble::NoConnection(_))) {
        // It may have been over before the first look.
        job = match look.ours().await {
            Some(job) => Some(job),
            None if answer.is_ok() => look.stopped().await,
            None => None,
        };
        if let (Some(turn), Some(job)) = (turn.take(), job) {
            turn.became(job).await;
        }
    }
    let job = job.map(|job| job.id);
    let named = match &answer {
        Ok(_) => None,
        Err(Trouble::Refused { body: Some(ErrorBody { job: Some(id), error, .. }), .. }) if error != "busy" => {
            Some(*id)
        }
        // The agent went away in the middle, to update itself or because the power went: its job goes on.
        Err(Trouble::Lost(_)) => match job {
            Some(job) => Some(job),
            None => look.search().await,
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
            ended.filter(|job| job.state.is_end()).map_or_else(|| done(&errand.order), |job| follow::verdict(&job))
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

/// Looking at an agent that was told in the old format.
struct Look<'a> {
    device: &'a Device,
    order: &'a Order,
    /// Its newest job before; nothing where it did not say: then none is known to be ours.
    before: Option<JobId>,
    course: &'a Course,
}

impl Look<'_> {
    /// Looks until there is an answer. Once it is known which job the order became, the next of that name has its turn.
    async fn until(
        &self,
        answer: impl Future<Output = Result<Response, Trouble>>,
        turn: &mut Option<Turn>,
    ) -> (Result<Response, Trouble>, Option<Mark>) {
        let mut answer = std::pin::pin!(answer);
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut job = None;
        loop {
            tokio::select! {
                answer = &mut answer => return (answer, job),
                _ = ticks.tick() => if let Some(found) = self.ours().await {
                    job = Some(found);
                    if let Some(turn) = turn.take() {
                        turn.became(found).await;
                    }
                },
            }
        }
    }

    /// Looks for the job that the order became, and says how far it is.
    async fn ours(&self) -> Option<Mark> {
        let before = self.before?;
        let status = self.device.fetch::<Status>("/status").await.ok()?;
        let ours = |job: &&Job| is_ours(job, self.order, before);
        let running = status.job.as_ref().filter(ours);
        if let Some(job) = running {
            let progress =
                status.progress.as_ref().filter(|progress| progress.job == job.id && progress.phase == job.state);
            self.course.working(step(job.state), progress.map(|progress| follow::whole(progress.percent))).await;
        }
        let found = running.or(status.last.as_ref().filter(ours)).map(Mark::of);
        let queued = status.queued.filter(|id| *self.order == Order::Rollback && *id > before);
        found.or(queued.map(Mark::queued))
    }

    /// The update that a rollback stopped instead of becoming a job of its own.
    async fn stopped(&self) -> Option<Mark> {
        let before = self.before.filter(|_| *self.order == Order::Rollback)?;
        let last = self.device.fetch::<Status>("/status").await.ok()?.last?;
        (last.id == before && !last.request.is_rollback() && last.has_gone_back()).then(|| Mark::of(&last))
    }

    /// Looks until the agent is back and says whether it has the order.
    async fn search(&self) -> Option<JobId> {
        self.course.working("does not answer", None).await;
        loop {
            if self.device.fetch::<Status>("/status").await.is_ok() {
                return self.ours().await.map(|job| job.id);
            }
            sleep(LOOK).await;
        }
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
