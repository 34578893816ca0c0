//! The polls of one server: what each carries, what its answer means, when the next one is.

use std::time::{Duration, Instant};

use belay_protocol::local::{Polled, ServerLink, ServerWish};
use belay_protocol::sync::{Action, Assignment, MAX_REPORTS, Report, SyncRequest, SyncResponse};
use jiff::SignedDuration;

use super::api::{self, CallError};
use super::backoff::Backoff;
use super::door::PollError;
use super::enrolment;
use super::http::Client;
use super::jitter::Jitter;
use super::measure::Measurer;
use super::offers::Offers;
use super::url::ServerUrl;
use crate::clock;
use crate::config::settings::ServerSettings;
use crate::daemon::handle::Handle;
use crate::identity::Identity;
use crate::machine::state::State;

/// Two syncs are at least this far apart.
pub const LEAST: Duration = Duration::from_secs(1);

/// How soon a server that does not know the device is asked again.
const SLOW: Duration = Duration::from_secs(15 * 60);

/// The longest interval that a server can ask for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// More than this between the two clocks is told to a person.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The most bytes of reports in one request, but for one that is larger alone.
const REPORT_BYTES: usize = 256 * 1024;

/// The polls of one server.
#[derive(Debug)]
pub struct Session {
    settings: ServerSettings,
    identity: Identity,
    client: Option<Client>,
    jitter: Jitter,
    offers: Offers,
    /// The tag of the profile that the server knows.
    known_tag: Option<String>,
    /// The server asked for the profile.
    profile_wanted: bool,
    /// The number of the last report that was in a request that was answered.
    told: u64,
    /// Up to this number no closure is sent: the server would not take a request with them.
    without_closures: u64,
    failures: u32,
    last: Option<Instant>,
    next: Instant,
    authorized: Option<bool>,
    /// The server's last word was that it does not know this device or its key.
    turned_away: bool,
    last_contact: Option<jiff::Timestamp>,
    last_error: Option<String>,
    /// What the server wanted done when it last answered.
    wants: Option<ServerWish>,
    skew: Option<SignedDuration>,
}

/// Whether the polls go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// They do.
    On,
    /// The daemon is ending.
    Away,
}

impl Session {
    /// The polls of the server that gave this identity; the first one is after `first`.
    pub fn new(settings: &ServerSettings, identity: Identity, first: Duration) -> Self {
        Self {
            jitter: Jitter::of(identity.device.as_str()),
            settings: settings.clone(),
            identity,
            client: None,
            offers: Offers::default(),
            known_tag: None,
            profile_wanted: false,
            told: 0,
            without_closures: 0,
            failures: 0,
            last: None,
            next: clock::monotonic() + first,
            authorized: None,
            turned_away: false,
            last_contact: None,
            last_error: None,
            wants: None,
            skew: None,
        }
    }

    /// The same, where the server has said whether it lets the device in.
    #[must_use]
    pub fn let_in(self, authorized: bool) -> Self {
        Self { authorized: Some(authorized), ..self }
    }

    /// When the next poll is: at its time, or at once where the server wants to know something and answers.
    pub fn next(&self, state: &State) -> Instant {
        let news = self.profile_wanted || state.outbox.pending.back().is_some_and(|report| report.seq > self.told);
        match self.last.filter(|_| news && self.failures == 0) {
            Some(last) => self.next.min(last + LEAST),
            None => self.next,
        }
    }

    /// How device and server stand.
    pub fn view(&self) -> ServerLink {
        ServerLink {
            url: self.url().to_string(),
            device: Some(self.identity.device.clone()),
            authorized: self.authorized,
            last_contact: self.last_contact,
            last_error: self.last_error.clone(),
        }
    }

    /// From when on the server may be asked again; none where it was not asked yet.
    pub fn rested(&self) -> Option<Instant> {
        self.last.map(|last| last + LEAST)
    }

    /// What came of the last poll.
    ///
    /// # Errors
    /// The server did not answer it as it should.
    pub fn polled(&self) -> Result<Polled, PollError> {
        match &self.last_error {
            None => Ok(Polled { server: self.view(), wants: self.wants.clone(), job: None }),
            Some(sentence) if self.turned_away => Err(PollError::Refused(sentence.clone())),
            Some(sentence) => Err(PollError::Unreachable(sentence.clone())),
        }
    }

    /// What a person should know.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.turned_away {
            let why = self.last_error.as_deref().unwrap_or("it does not know this device");
            warnings.push(format!(
                "the server no longer lets this device in ({why}): enrol it again with `belay-agent enrol --again`, or let \
                 it in on the server"
            ));
        }
        if let Err(refused) = self.url().check_plain(self.settings.plain_http) {
            warnings.push(format!("the server is not polled: {refused}"));
        }
        if let Some(skew) = self.skew {
            let (minutes, side) = (skew.abs().as_mins(), if skew.is_positive() { "behind" } else { "ahead of" });
            warnings.push(format!(
                "this device's clock is {minutes} minutes {side} the server's: set it, or windows and certificates are \
                 judged wrongly"
            ));
        }
        warnings
    }

    /// One poll.
    pub async fn sync(&mut self, handle: &Handle, measurer: &mut Measurer) -> Goes {
        let state = handle.view().borrow().state.clone();
        measurer.refresh(handle, &state).await;
        // Measuring takes time; what was decided meanwhile goes along.
        let state = handle.view().borrow().state.clone();
        let request = self.request(&state, measurer);
        self.last = Some(clock::monotonic());
        match self.call(&request).await {
            Ok(answer) => {
                // Only of an older journal that was put back can the server have more than was ever written.
                let is_older = !request.reports.is_empty() && answer.acknowledged > Some(state.outbox.last);
                if is_older && handle.another_outbox(request.outbox.clone()).await.is_err() {
                    return Goes::Away;
                }
                let answer = if is_older { SyncResponse { acknowledged: None, ..answer } } else { answer };
                let goes = self.take(&request, state.outbox.last, answer, handle).await;
                if is_older {
                    // They are told anew from number 1, with the next poll: a server that is wrong is not pressed.
                    self.told = state.outbox.pending.len() as u64;
                    self.without_closures = 0;
                }
                goes
            }
            Err(error) => {
                if error.is_too_large() {
                    self.without_closures = request.reports.last().map_or(self.without_closures, |report| report.seq);
                }
                self.fail(&error);
                Goes::On
            }
        }
    }

    fn request(&self, state: &State, measurer: &Measurer) -> SyncRequest {
        let mut reports = reports(state.outbox.pending.iter());
        // An end without its closure is worth more than no end.
        for report in reports.iter_mut().filter(|report| report.seq <= self.without_closures) {
            if report.closure.take().is_some() {
                report.message.push_str(" (its closure is not sent: it is too large for the server)");
            }
        }
        let outbox = if reports.is_empty() { String::new() } else { state.outbox.id.clone() };
        let Some(measured) = measurer.measured() else {
            return SyncRequest { tag: String::new(), profile: None, outbox, reports };
        };
        // At the start only the tag is sent: most servers know the profile already.
        let changed = self.known_tag.as_ref().is_some_and(|known| *known != measured.tag);
        let profile = (changed || self.profile_wanted).then(|| measured.profile.clone());
        SyncRequest { tag: measured.tag.clone(), profile, outbox, reports }
    }

    async fn call(&mut self, request: &SyncRequest) -> Result<SyncResponse, CallError> {
        let client = match &mut self.client {
            Some(client) => client,
            None => {
                let ca_pem = self.identity.ca_pem.as_deref();
                self.client.insert(enrolment::client(self.url(), ca_pem, &self.settings)?)
            }
        };
        api::sync(client, &self.identity.key, request).await
    }

    /// The settings' address, where they have one: a server may move, and they are the operator's word.
    fn url(&self) -> &ServerUrl {
        self.settings.url.as_ref().unwrap_or(&self.identity.server)
    }

    /// Takes the answer to a request; `newest` is the number of the last report that was written when it was sent.
    async fn take(&mut self, request: &SyncRequest, newest: u64, answer: SyncResponse, handle: &Handle) -> Goes {
        self.answered(answer.authorized);
        self.wants = answer.assignment.as_ref().map(wish);
        let skew = answer.now.duration_since(clock::now());
        if skew.abs() > SKEW && self.skew.is_none() {
            tracing::warn!(clock.behind_s = skew.as_secs(), "this device's clock and the server's differ");
        }
        self.skew = (skew.abs() > SKEW).then_some(skew);
        self.profile_wanted = answer.send_profile && request.profile.is_none() && !request.tag.is_empty();
        if !answer.send_profile && !request.tag.is_empty() {
            self.known_tag = Some(request.tag.clone());
        }
        let sent = request.reports.last().map(|report| report.seq);
        // A server cannot have reports that it was never sent.
        let acknowledged = answer.acknowledged.zip(sent).map(|(acknowledged, sent)| acknowledged.min(sent));
        // What it does not take is not pressed on it: the rest goes with the polls at its own interval.
        if sent.is_some() {
            self.told = sent.filter(|_| acknowledged == sent).unwrap_or(newest);
        }
        let now = clock::monotonic();
        let assignment = self.offers.take(answer.assignment.clone(), &self.jitter, now);
        let interval = Duration::from_secs(answer.next_s.into()).clamp(LEAST, LONGEST);
        let next = now + self.jitter.poll(interval).max(LEAST);
        self.next = self.offers.due(now).map_or(next, |due| next.min(due));
        if acknowledged.is_none() && assignment.is_none() && answer.cancel.is_none() {
            return Goes::On;
        }
        match handle.answered(SyncResponse { acknowledged, assignment, ..answer }).await {
            Ok(()) => Goes::On,
            Err(_) => Goes::Away,
        }
    }

    fn answered(&mut self, authorized: bool) {
        if self.failures > 0 {
            tracing::info!(server.failures = self.failures, "the server answers again");
        }
        if !authorized && self.authorized != Some(false) {
            tracing::info!("the server knows this device; an operator has to let it in");
        }
        if authorized && self.authorized == Some(false) {
            tracing::info!("the server lets this device in");
        }
        self.authorized = Some(authorized);
        self.last_contact = Some(clock::now());
        self.last_error = None;
        self.turned_away = false;
        self.failures = 0;
    }

    fn fail(&mut self, error: &CallError) {
        let sentence = error.sentence();
        let unauthorized = error.is_unauthorized();
        if unauthorized && !self.turned_away {
            tracing::warn!("the server does not let this device in, and is asked rarely from now on: {sentence}");
        } else if self.failures == 0 {
            tracing::warn!("the server cannot be polled; it is tried again until it answers: {sentence}");
        } else {
            tracing::debug!(server.failures = self.failures, "{sentence}");
        }
        if unauthorized {
            self.authorized = Some(false);
            self.turned_away = true;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(sentence);
        let wait = match error.retry_after() {
            Some(wait) => wait.mul_f64(1.0 + 0.1 * self.jitter.draw()),
            None if unauthorized => self.jitter.poll(SLOW),
            None => Backoff::SERVER.delay(self.failures, self.jitter.draw()),
        };
        self.next = clock::monotonic() + wait.max(LEAST);
    }
}

/// An assignment in short.
fn wish(Assignment { id, action, .. }: &Assignment) -> ServerWish {
    let (word, release) = match action {
        Action::InstallPackages { release, .. } => ("install_packages", Some(release)),
        Action::InstallBundle { release, .. } => ("install_bundle", Some(release)),
        Action::RollBack { release } => ("roll_back", release.as_ref()),
        Action::Unknown => ("unknown", None),
    };
    ServerWish { assignment: id.clone(), action: word.to_owned(), release: release.cloned() }
}

/// The oldest reports that fit into one request.
fn reports<'a>(pending: impl Iterator<Item = &'a Report>) -> Vec<Report> {
    let mut bytes = 0;
    pending
        .take(MAX_REPORTS)
        .enumerate()
        .take_while(|(at, report)| {
            bytes += serde_json::to_vec(report).map_or(0, |json| json.len());
            *at == 0 || bytes <= REPORT_BYTES
        })
        .map(|(_, report)| report.clone())
        .collect()
}

#[cfg(test)]
mod tests;
