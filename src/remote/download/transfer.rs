//! A bundle over the network, through its partial file: connects, takes what comes, connects again after a cut.
//!
//! Every byte is in the partial file before it is given on, so that what was given once never has to come again.

use std::sync::Arc;
use std::time::Duration;

use belay_protocol::{Failure, Reason, Sha256};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::runtime::{Builder, Runtime};

use super::Tempo;
use super::answer::{Asked, Verdict, judge};
use super::pace::Pace;
use super::partial::{Note, Partial};
use super::place::{Place, bad_url};
use super::stop::{Stop, within};
use crate::clock;
use crate::config::Settings;
use crate::remote::backoff::Backoff;
use crate::remote::http::LIMITS;
use crate::remote::http::fetch::{Get, fetch};
use crate::remote::jitter::Jitter;
use crate::remote::url::FileUrl;

/// A download that is under way.
pub(super) struct Transfer {
    settings: Arc<Settings>,
    place: Place,
    partial: Partial,
    stop: Stop,
    runtime: Option<Runtime>,
    backoff: Backoff,
    jitter: Jitter,
    pace: Option<Pace>,
    /// The size that it must have, where that is known.
    size: Option<u64>,
    /// How many bytes there are in all, as far as anybody said.
    total: Option<u64>,
    body: Option<Body>,
    /// Connections in a row that brought nothing.
    fruitless: u32,
    /// The connection that was the last one brought something.
    brought: bool,
    /// A range was answered with another one: all of it is asked for, and what is here is skipped.
    without_ranges: bool,
}

/// A body that comes.
struct Body {
    incoming: Incoming,
    /// The place of its next byte.
    at: u64,
}

/// Why nothing more comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// For good.
    Failed(Failure),
    /// It is another file now: what was given so far is worth nothing.
    Changed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

const MOST_REDIRECTS: usize = 5;

impl Transfer {
    /// Goes on with what is there of it.
    pub(super) fn new(
        sha256: Sha256,
        size: Option<u64>,
        place: Place,
        settings: Arc<Settings>,
        tempo: Tempo,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let folder = settings.incoming_dir();
        let mut partial = Partial::open(&folder, sha256)?;
        if size.is_some_and(|size| partial.length() > size) {
            partial.empty()?;
        }
        partial.make_room(size, settings.rules.guard.reserve_bytes)?;
        let known = partial.note().total.filter(|total| *total >= partial.length());
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.map_err(|error| {
            Failure::new(Reason::State, format!("the bundle cannot be fetched: no event loop: {error}"))
        })?;
        Ok(Self {
            pace: settings.bundle.rate.map(Pace::new),
            total: size.or(known),
            size,
            jitter: Jitter::of(&sha256.to_string()),
            settings,
            place,
            partial,
            stop,
            runtime: Some(runtime),
            backoff: tempo.backoff,
            body: None,
            fruitless: 0,
            brought: false,
            without_ranges: false,
        })
    }

    /// How many bytes there are in all, as far as anybody said.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// How many bytes are here.
    pub(super) fn length(&self) -> u64 {
        self.partial.length()
    }

    /// Gives bytes from `from` on, which lies at most at the end of what is here; none where there are no more.
    pub(super) fn read(&mut self, buffer: &mut [u8], from: u64) -> Result<usize, Trouble> {
        loop {
            if from < self.partial.length() {
                return Ok(self.partial.read_at(buffer, from)?);
            }
            if self.total.is_some_and(|total| self.partial.length() >= total) {
                self.expect_the_end()?;
                return Ok(0);
            }
            match self.body.take() {
                Some(body) => self.receive(body)?,
                None => self.connect()?,
            }
        }
    }

    fn receive(&mut self, mut body: Body) -> Result<(), Trouble> {
        let stall = self.settings.bundle.stall;
        let next = self.wait(async { tokio::time::timeout(stall, body.incoming.frame()).await })?;
        match next {
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    self.take(&bytes, body.at)?;
                    body.at += bytes.len() as u64;
                }
                self.body = Some(body);
                Ok(())
            }
            Ok(None) if self.total.is_none() => {
                self.total = Some(self.partial.length());
                Ok(())
            }
            Ok(None) => self.trouble("the answer ended too early", None),
            Ok(Some(Err(error))) => self.trouble(&format!("the connection broke: {}", story(&error)), None),
            Err(_) => self.trouble(&format!("nothing came for {} s", stall.as_secs_f64()), None),
        }
    }

    fn take(&mut self, bytes: &[u8], at: u64) -> Result<(), Trouble> {
        let here = usize::try_from(self.partial.length() - at).unwrap_or(usize::MAX).min(bytes.len());
        let (known, new) = bytes.split_at(here);
        if !known.is_empty() && !self.partial.holds(known, at)? {
            return Err(self.changed());
        }
        if !new.is_empty() {
            let longer = self.partial.length() + new.len() as u64;
            if let Some(size) = self.size.filter(|size| longer > *size) {
                return Err(self.too_long(size));
            }
            self.partial.append(new)?;
            self.brought = true;
        }
        let rest = self.pace.as_mut().map(|pace| pace.spend(clock::monotonic(), bytes.len()));
        self.rest(rest.unwrap_or_default())
    }

    /// Whoever sends more than there is does not send what was ordered.
    fn expect_the_end(&mut self) -> Result<(), Trouble> {
        let Some(mut body) = self.body.take().filter(|body| !body.incoming.is_end_stream()) else { return Ok(()) };
        let stall = self.settings.bundle.stall;
        let next = self.wait(async { tokio::time::timeout(stall, body.incoming.frame()).await })?;
        let more = match next {
            Ok(Some(Ok(frame))) => frame.into_data().is_ok_and(|bytes| !bytes.is_empty()),
            // Its digest says whether it is all.
            Ok(Some(Err(_)) | None) | Err(_) => false,
        };
        match self.size.filter(|_| more) {
            Some(size) => Err(self.too_long(size)),
            None => Ok(()),
        }
    }

    fn connect(&mut self) -> Result<(), Trouble> {
        self.brought = false;
        let mut url = self.place.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let note = self.partial.note();
            let from = Some(self.partial.length()).filter(|from| *from > 0 && !self.without_ranges);
            let known_here = from.is_some() && note.url == self.place.url.to_string();
            let etag = note.etag.clone().filter(|_| known_here);
            let get = Get {
                url: &url,
                key: self.place.key.as_deref(),
                from,
                etag: etag.as_deref(),
                proxy: &self.settings.server.proxy,
                ca_pem: self.place.ca_pem(&url),
                connect: LIMITS.connect,
                head: self.settings.bundle.stall,
            };
            let answer = match self.wait(fetch(&get))? {
                Ok(answer) => answer,
                Err(error) => return self.trouble(&story(&error), None),
            };
            let asked = Asked { from, etag: etag.as_deref(), size: self.size };
            let status = answer.status().as_u16();
            match judge(status, answer.headers(), &asked, clock::now()) {
                Verdict::Redirect(location) if self.place.may_redirect => {
                    url = redirected(&url, &location, &self.settings)?;
                }
                verdict @ (Verdict::Take { .. }
                | Verdict::Whole
                | Verdict::Changed
                | Verdict::OtherSize(_)
                | Verdict::OtherRange(_)
                | Verdict::Redirect(_)
                | Verdict::Later(..)
                | Verdict::Refused(_)) => return self.follow(verdict, answer.into_body(), status),
            }
        }
        Err(self.refused(&format!("it sends from one place to the next, more than {MOST_REDIRECTS} times")))
    }

    fn follow(&mut self, verdict: Verdict, incoming: Incoming, status: u16) -> Result<(), Trouble> {
        match verdict {
            Verdict::Take { at, total, etag } => {
                self.total = self.size.or(total).or(self.total.filter(|_| at > 0));
                let note = Note { url: self.place.url.to_string(), etag, total: self.total };
                self.partial.set_note(note)?;
                if self.size.is_none() {
                    self.partial.make_room(self.total, self.settings.rules.guard.reserve_bytes)?;
                }
                self.body = Some(Body { incoming, at });
                Ok(())
            }
            Verdict::Whole => {
                self.total = Some(self.partial.length());
                Ok(())
            }
            Verdict::Changed => Err(self.changed()),
            Verdict::OtherSize(has) => {
                let size = self.size.unwrap_or_default();
                let message = format!("the bundle must have {size} bytes, and at {} it has {has}", self.place.url);
                Err(Failure::new(Reason::SizeMismatch, message).into())
            }
            Verdict::OtherRange(told) if self.without_ranges || self.partial.length() == 0 => {
                Err(self.refused(&format!("it sends a part that was not asked for ({told})")))
            }
            Verdict::OtherRange(told) => {
                self.without_ranges = true;
                self.trouble(&format!("it sends another part than was asked for ({told})"), None)
            }
            Verdict::Redirect(_) => {
                Err(self.refused(&format!("it answered {status}, and this device's key goes nowhere else")))
            }
            Verdict::Later(why, wait) => self.trouble(&why, wait),
            Verdict::Refused(why) => Err(self.refused(&why)),
        }
    }

    /// Counts a connection that ended, and waits before the next one.
    fn trouble(&mut self, what: &str, asked: Option<Duration>) -> Result<(), Trouble> {
        self.body = None;
        self.fruitless = if self.brought { 0 } else { self.fruitless.saturating_add(1) };
        let has = self.partial.length();
        if self.fruitless > self.settings.bundle.retries {
            let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
            let message = format!(
                "the bundle could not be fetched from {}: {what}; {} connections in a row brought nothing; {has}{of} bytes \
                 are kept, and fetching goes on from there when it is asked for again",
                self.place.url, self.fruitless
            );
            return Err(Failure::new(Reason::FetchFailed, message).into());
        }
        let wait = asked.unwrap_or_else(|| self.backoff.delay(self.fruitless, self.jitter.draw()));
        tracing::info!(
            bundle.bytes = has,
            bundle.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "the bundle is fetched on after a break: {what}"
        );
        self.rest(wait)
    }

    fn refused(&self, why: &str) -> Trouble {
        let message = format!("the bundle could not be fetched from {}: {why}", self.place.url);
        Failure::new(Reason::FetchFailed, message).into()
    }

    fn changed(&self) -> Trouble {
        let message = format!("the file at {} changed while it was fetched; ask again", self.place.url);
        Trouble::Changed(Failure::new(Reason::FetchFailed, message))
    }

    fn too_long(&self, size: u64) -> Trouble {
        let message = format!("the bundle must have {size} bytes, and from {} come more", self.place.url);
        Failure::new(Reason::SizeMismatch, message).into()
    }

    fn rest(&self, time: Duration) -> Result<(), Trouble> {
        if time.is_zero() { Ok(()) } else { self.wait(async { tokio::time::sleep(time).await }) }
    }

    /// Waits for something, or for the wish to stop.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Trouble> {
        let runtime = self.runtime.as_ref().expect("it is taken when this is dropped");
        Ok(runtime.block_on(within(self.stop.clone(), future))?)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // A name that is being looked up must not keep us.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn redirected(from: &FileUrl, location: &str, settings: &Settings) -> Result<FileUrl, Failure> {
    from.redirected(location, &settings.bundle.plain_http).map_err(|error| {
        let refused = bad_url(&error);
        Failure::new(refused.reason, format!("{from} leads elsewhere: {}", refused.message))
    })
}

/// An error with its causes.
fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some libraries repeat their source in their own words.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
