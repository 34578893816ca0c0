//! Telling many devices at once: so many at a time, each with its own end. A device that hangs holds up nobody else.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::Instant;

use super::device::{Device, Silence, client};
use super::twins::Twins;
use super::{End, Kind, News, Order, Outcome, Pace, Target, agent, flask, said};

/// How long a device may take to say what it is, before it is told anything.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// What a device is at that is asked what it is: nothing was sent to it yet.
pub(crate) const ASKING: &str = "asking";

/// What it is at from the moment on at which the order may have arrived.
const TELLING: &str = "telling";

/// Tells every device. The channel brings news by the target's place, exactly one end for each, and closes when all have
/// ended. Who drops it leaves off following; a device that has its order goes on.
pub(crate) fn carry_out(targets: Vec<Target>, order: Order, pace: Pace) -> mpsc::Receiver<(usize, News)> {
    let (news, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let errand = &Errand::new(order);
        let all = targets.into_iter().enumerate().map(|(place, target)| {
            let course = Course { place, news: news.clone(), sent: AtomicBool::new(false), began: Instant::now() };
            async move { course.run(target, errand, pace).await }
        });
        let all = futures_util::stream::iter(all).buffer_unordered(pace.parallel.max(1)).collect::<()>();
        tokio::select! {
            () = all => {}
            // Nobody looks on any more.
            () = news.closed() => {}
        }
    });
    receiver
}

/// An order on its way to many devices.
pub(super) struct Errand {
    pub(super) order: Order,
    /// The same for all, so that a device that is told at two addresses has it once.
    pub(super) key: String,
    pub(super) twins: Twins,
}

impl Errand {
    fn new(order: Order) -> Self {
        let key = format!("belayctl-{:016x}", RandomState::new().hash_one(()));
        Self { order, key, twins: Twins::default() }
    }
}

/// How an order ended, without how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) message: String,
    pub(super) reason: Option<String>,
}

impl Verdict {
    pub(super) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), reason: None }
    }
}

/// One device's way through an order.
pub(super) struct Course {
    place: usize,
    news: Sender<(usize, News)>,
    /// Whether the order may have arrived.
    sent: AtomicBool,
    began: Instant,
}

impl Course {
    async fn run(mut self, target: Target, errand: &Errand, pace: Pace) {
        self.began = Instant::now();
        let verdict = match tokio::time::timeout(pace.timeout, self.tell(target, errand, pace.plain_http)).await {
            Ok(verdict) => verdict,
            Err(_) if self.sent.load(Ordering::Relaxed) => Verdict::new(
                Outcome::Silent,
                format!(
                    "it was told, and did not come to an end within {} s; it may still be at work",
                    pace.timeout.as_secs()
                ),
            ),
            Err(_) => {
                Verdict::new(Outcome::Unreachable, "it did not say what it is within the time given; nothing was sent")
            }
        };
        let Verdict { outcome, message, reason } = verdict;
        let (message, reason) = (said::text(&message), reason.as_deref().and_then(said::name));
        let seconds = self.began.elapsed().as_secs();
        self.send(News::Ended(End { outcome, message, reason, seconds })).await;
    }

    async fn tell(&self, target: Target, errand: &Errand, plain_http: bool) -> Verdict {
        if target.is_in_clear() && !plain_http {
            let message =
                "its token would cross the network unencrypted: --plain-http if you mean it; nothing was sent";
            let reason = Some("token_in_clear".to_owned());
            return Verdict { reason, ..Verdict::new(Outcome::Refused, message) };
        }
        self.working(ASKING, None).await;
        // What was found there once may have another address by now: nothing is sent to what is no device.
        let kind = match introduce(target.host.address).await {
            Ok(kind) => kind,
            Err(silence) => return Verdict::new(Outcome::Unreachable, format!("{silence}; nothing was sent")),
        };
        let http = match client(INTRODUCTION / 2) {
            Ok(http) => http,
            Err(problem) => return Verdict::new(Outcome::Unreachable, problem),
        };
        let address = target.host.address;
        match (kind, target.token) {
            (Kind::Agent | Kind::Locked, Some(token)) => {
                agent::with_token(&Device::new(http, address, Some(token)), errand, self).await
            }
            (Kind::Agent, None) => agent::without_token(&Device::new(http, address, None), errand, self).await,
            (Kind::Locked, None) => Verdict {
                reason: Some("token_missing".to_owned()),
                ..Verdict::new(
                    Outcome::Refused,
                    "it wants a token: give --token-file FILE, or name one in the site file; or open `control.legacy` there",
                )
            },
            // Nobody was asked whether a device that cannot undo is meant.
            (Kind::Flask, _) if target.host.kind != Kind::Flask => Verdict {
                reason: Some("not_what_it_was".to_owned()),
                ..Verdict::new(
                    Outcome::Refused,
                    "the old Flask program answers there, which cannot undo and was not known to be there: scan again; \
                     nothing was sent",
                )
            },
            (Kind::Flask, _) => flask::tell(&Device::new(http, address, None), &errand.order, self).await,
        }
    }

    /// Says that the order is about to leave: from here on it may have arrived.
    pub(super) async fn sending(&self) {
        let news = News::Working { step: TELLING.to_owned(), percent: None };
        if self.news.send((self.place, news)).await.is_err() {
            // Nobody would know that it was told: it is not.
            std::future::pending::<()>().await;
        }
        self.sent.store(true, Ordering::Relaxed);
    }

    /// Says that nothing arrived.
    pub(super) fn not_sent(&self) {
        self.sent.store(false, Ordering::Relaxed);
    }

    /// Says what the device is at.
    pub(super) async fn working(&self, step: &str, percent: Option<u8>) {
        self.send(News::Working { step: step.to_owned(), percent }).await;
    }

    async fn send(&self, news: News) {
        let _ = self.news.send((self.place, news)).await;
    }
}

async fn introduce(address: SocketAddr) -> Result<Kind, Silence> {
    Ok(super::look(address, INTRODUCTION).await?.kind)
}

#[cfg(test)]
mod pretender;
#[cfg(test)]
mod tests;
