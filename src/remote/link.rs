//! The loop: waits for the next poll, for news that the server wants, or for a wish to enrol or to poll now; one timer and nothing else.

use std::time::{Duration, Instant};

use belay_protocol::local::{Polled, ServerEnrolRequest, ServerLink};
use tokio::sync::{mpsc, watch};

use super::backoff::Backoff;
use super::door::{EnrolCall, LinkCall, LinkDoor, LinkView, PollError};
use super::enrolment::{EnrolError, Enrolled, Enrolment, read_token};
use super::jitter::Jitter;
use super::measure::Measurer;
use super::session::{Goes, LEAST, Session};
use crate::clock;
use crate::config::Settings;
use crate::config::settings::ServerSettings;
use crate::daemon::handle::Handle;
use crate::facts::Sources;
use crate::identity::IdentityStore;

/// How many wishes of doors may wait.
const CALLS: usize = 4;

/// The first poll after a start is somewhere within this: a building whose power comes back starts all at once.
const FIRST: Duration = Duration::from_secs(10);

/// How soon a token that was refused is tried again.
const REFUSED: Duration = Duration::from_secs(15 * 60);

/// The device's side of talking to its server.
#[derive(Debug)]
pub struct Link {
    handle: Handle,
    settings: ServerSettings,
    store: IdentityStore,
    measurer: Measurer,
    calls: mpsc::Receiver<LinkCall>,
    view: watch::Sender<LinkView>,
    session: Option<Session>,
    own: Option<OwnEnrolment>,
}

/// An enrolment that nobody asked for but the settings.
#[derive(Debug)]
struct OwnEnrolment {
    jitter: Jitter,
    failures: u32,
    next: Instant,
    last_error: Option<String>,
}

/// Why the wait was over.
enum Wake {
    Due,
    Call(LinkCall),
    Away,
}

impl Link {
    /// Puts the loop together, with the door to it.
    pub fn new(handle: Handle, settings: &Settings, store: IdentityStore) -> (Self, LinkDoor) {
        let (call, calls) = mpsc::channel(CALLS);
        let (view, watcher) = watch::channel(LinkView::default());
        let sources = Sources::new(&settings.root.path)
            .with_keys(&settings.bundle.keys)
            .with_device_key(&settings.bundle.device_key);
        let server = settings.server.clone();
        let first = |jitter: &mut Jitter| server.poll.min(FIRST).mul_f64(jitter.draw());
        let session = store.identity().map(|identity| {
            let first = first(&mut Jitter::of(identity.device.as_str()));
            Session::new(&server, identity.clone(), first)
        });
        let wants = session.is_none() && server.url.is_some() && server.token_file.is_some();
        let own = wants.then(|| {
            let mut jitter = Jitter::of(&sources.identity());
            let next = clock::monotonic() + first(&mut jitter);
            OwnEnrolment { jitter, failures: 0, next, last_error: None }
        });
        let measurer = Measurer::new(sources);
        let link = Self { handle, settings: server, store, measurer, calls, view, session, own };
        link.show();
        (link, LinkDoor::new(call, watcher))
    }

    /// Runs until `stopping` turns true or the daemon is gone.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            () = self.turn() => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }

    async fn turn(&mut self) {
        loop {
            match self.wait().await {
                Wake::Away => return,
                Wake::Call(LinkCall::Enrol(EnrolCall { request, answer })) => {
                    let enrolled = self.enrol(request).await;
                    self.show();
                    // Who asked may have gone.
                    let _ = answer.send(enrolled);
                }
                Wake::Call(LinkCall::Poll { answer }) => {
                    let polled = self.poll().await;
                    self.show();
                    let away = polled == Err(PollError::Stopping);
                    let _ = answer.send(polled);
                    if away {
                        return;
                    }
                }
                Wake::Due => match &mut self.session {
                    Some(session) => {
                        if session.sync(&self.handle, &mut self.measurer).await == Goes::Away {
                            return;
                        }
                    }
                    None => self.enrol_by_itself().await,
                },
            }
            self.show();
        }
    }

    async fn wait(&mut self) -> Wake {
        let mut view = self.handle.view();
        loop {
            let next = match (&self.session, &self.own) {
                (Some(session), _) => Some(session.next(&view.borrow_and_update().state)),
                (None, Some(own)) => Some(own.next),
                (None, None) => None,
            };
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                call = self.calls.recv() => return call.map_or(Wake::Away, Wake::Call),
                () = due => return Wake::Due,
                changed = view.changed(), if self.session.is_some() => {
                    if changed.is_err() {
                        return Wake::Away;
                    }
                }
            }
        }
    }

    /// Polls because somebody asks, though no sooner after the last poll than any other.
    async fn poll(&mut self) -> Result<Polled, PollError> {
        let session = self.session.as_mut().ok_or(PollError::NotEnrolled)?;
        if let Some(rested) = session.rested() {
            tokio::time::sleep_until(rested.into()).await;
        }
        match session.sync(&self.handle, &mut self.measurer).await {
            Goes::On => session.polled(),
            Goes::Away => Err(PollError::Stopping),
        }
    }

    async fn enrol(&mut self, request: ServerEnrolRequest) -> Result<ServerLink, EnrolError> {
        let enrolment = Enrolment::asked(request, &self.settings, self.store.identity())?;
        self.carry_out(enrolment).await
    }

    async fn carry_out(&mut self, enrolment: Enrolment) -> Result<ServerLink, EnrolError> {
        let state = self.handle.view().borrow().state.clone();
        self.measurer.refresh(&self.handle, &state).await;
        let measured = self.measurer.measured().map(|measured| measured.profile.clone());
        let profile = measured.unwrap_or_else(|| self.measurer.unmeasured());
        let identity = self.measurer.sources().identity();
        let Enrolled { authorized, next_s } =
            enrolment.carry_out(&mut self.store, &self.settings, identity, profile).await?;
        let identity = self.store.identity().ok_or(EnrolError::Stopping)?.clone();
        tracing::info!(server.url = %identity.server, server.device = %identity.device, "enrolled");
        let first = Jitter::of(identity.device.as_str()).poll(Duration::from_secs(next_s.into()).max(LEAST));
        let session = Session::new(&self.settings, identity, first).let_in(authorized);
        let view = session.view();
        self.session = Some(session);
        self.own = None;
        Ok(view)
    }

    /// Enrols with the token of the settings; what fails is tried again.
    async fn enrol_by_itself(&mut self) {
        let Some(path) = self.settings.token_file.clone() else { return };
        let failed = match read_token(&path) {
            Ok(token) => {
                let request = ServerEnrolRequest { token: Some(token), ..ServerEnrolRequest::default() };
                self.enrol(request).await.err().map(|error| (error.sentence(), matches!(error, EnrolError::Refused(_))))
            }
            Err(error) => Some((format!("failed to read {}: {error}", path.display()), false)),
        };
        if let (Some((sentence, refused)), Some(own)) = (failed, &mut self.own) {
            if own.failures == 0 || refused {
                tracing::warn!("this device has no server yet, and goes on trying: {sentence}");
            }
            own.failures = own.failures.saturating_add(1);
            own.last_error = Some(sentence);
            let random = own.jitter.draw();
            let wait = if refused { own.jitter.poll(REFUSED) } else { Backoff::SERVER.delay(own.failures, random) };
            own.next = clock::monotonic() + wait;
        }
    }

    fn show(&self) {
        let own = || {
            let url = self.settings.url.as_ref()?;
            let last_error = self.own.as_ref().and_then(|own| own.last_error.clone());
            Some(ServerLink { url: url.to_string(), device: None, authorized: None, last_contact: None, last_error })
        };
        let link = self.session.as_ref().map(Session::view).or_else(own);
        let warnings = self.session.as_ref().map(Session::warnings).unwrap_or_default();
        let new = LinkView { link, warnings };
        self.view.send_if_modified(|view| {
            let changed = *view != new;
            *view = new;
            changed
        });
    }
}

#[cfg(test)]
mod tests;
