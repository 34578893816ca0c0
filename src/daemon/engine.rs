//! The loop: input, step, persist, effects.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use belay_protocol::job::{Door, Job, JobId, JobState, Progress, Request};
use belay_protocol::sync::SyncResponse;
use belay_protocol::{Failure, Reason};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::handle::{Admitted, Call, Handle, View};
use super::receive::{receive, shown_in};
use crate::clock::Clock;
use crate::durable::SlotsError;
use crate::failpoint;
use crate::host::Host;
use crate::identity;
use crate::journal::Journal;
use crate::machine;
use crate::machine::admit::{Admission, Denial, admit};
use crate::machine::effect::{Effect, Outcome, Survey};
use crate::machine::input::{Input, Moment};
use crate::machine::rules::Rules;
use crate::machine::state::{State, Step};
use crate::remote::download::Downloads;
use crate::telemetry::notify;
use crate::waiting::{blocking, next_beat};

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["daemon.effect.before", "daemon.effect.after"];

/// How many calls from doors may wait.
const CALLS: usize = 64;

/// How often what waits for its moment looks whether it has come.
const TICK: Duration = Duration::from_secs(30);

/// The daemon's loop with all that it owns.
pub struct Engine {
    host: Arc<dyn Host>,
    journal: Journal,
    rules: Rules,
    clock: Clock,
    state: Arc<State>,
    view: watch::Sender<Arc<View>>,
    calls: mpsc::Receiver<Call>,
    waiting: VecDeque<Effect>,
    running: Option<JoinHandle<(Option<JobId>, Outcome)>>,
    downloads: Option<Downloads>,
    /// Ends the download under way.
    end_download: Option<watch::Sender<Option<Failure>>>,
    /// Turns while something waits for its moment, and never else: an idle daemon is not woken.
    tick: Option<tokio::time::Interval>,
}

/// Why the loop had to end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// What the machine decided could not be made durable.
    #[error("failed to write the journal; the job goes on after a restart")]
    Journal(#[source] SlotsError),
    /// The host gave no survey; to go on with an empty ledger would be to deny what was done.
    #[error("failed to learn from the host what its ledger holds")]
    Survey(#[source] Failure),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("state", &self.state).field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts the loop together, with the handle that doors use.
    pub fn new(
        host: Arc<dyn Host>,
        journal: Journal,
        state: State,
        rules: Rules,
        clock: Clock,
        warnings: Vec<String>,
    ) -> (Self, Handle) {
        let state = Arc::new(state);
        let (call, calls) = mpsc::channel(CALLS);
        let (view, watcher) = watch::channel(Arc::new(View { state: state.clone(), progress: None, warnings }));
        let engine = Self {
            host,
            journal,
            rules,
            clock,
            state,
            view,
            calls,
            waiting: VecDeque::new(),
            running: None,
            downloads: None,
            end_download: None,
            tick: None,
        };
        (engine, Handle::new(call, watcher))
    }

    /// The same, where bundles can be fetched.
    #[must_use]
    pub fn with_downloads(self, downloads: Downloads) -> Self {
        Self { downloads: Some(downloads), ..self }
    }

    /// Runs until `stopping` turns true and the effect under way has ended; none is begun after that, the job goes on
    /// from the journal after the restart. `known` is called once the ledger is known.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>, known: impl FnOnce()) -> Result<(), EngineError> {
        let mut beat = notify::watchdog_interval().map(tokio::time::interval);
        let Some(survey) = self.first_survey(&mut stopping, &mut beat).await? else { return Ok(()) };
        self.take(&self.clock.now(), Input::Started { survey }).map_err(EngineError::Journal)?;
        known();
        loop {
            let stop = *stopping.borrow_and_update();
            if !stop {
                self.start_next();
            } else {
                self.stop_download(Reason::Stopping, "the agent stops; fetching goes on after the restart");
                if self.running.is_none() || self.host.outlives_caller() {
                    return Ok(());
                }
            }
            self.set_tick();
            tokio::select! {
                (job, outcome) = ended(&mut self.running) => {
                    (self.running, self.end_download) = (None, None);
                    failpoint!("daemon.effect.after");
                    if is_unfinished(&outcome) {
                        continue;
                    }
                    if let Outcome::Surveyed(Err(failure)) = &outcome {
                        tracing::warn!("generations are shown as they were before: {}", failure.message);
                    }
                    self.take(&self.clock.now(), Input::Completed { job, outcome }).map_err(EngineError::Journal)?;
                }
                Some(call) = self.calls.recv(), if !stop => self.answer(call)?,
                _ = stopping.changed(), if !stop => {}
                () = next_beat(&mut beat) => notify::alive(),
                () = next_beat(&mut self.tick), if !stop => self.look_at_the_clock().map_err(EngineError::Journal)?,
            }
        }
    }

    /// What the ledger holds; none where we are told to stop before the host has answered. It may be in the middle of a
    /// job of an earlier daemon, which it ends first.
    async fn first_survey(
        &self,
        stopping: &mut watch::Receiver<bool>,
        beat: &mut Option<tokio::time::Interval>,
    ) -> Result<Option<Survey>, EngineError> {
        let host = self.host.clone();
        let asked = blocking(move || host.perform(&Effect::Survey, &|_| {}));
        tokio::pin!(asked);
        loop {
            tokio::select! {
                outcome = &mut asked => {
                    let Outcome::Surveyed(survey) = outcome else {
                        return Err(EngineError::Survey(Failure::new(Reason::State, "it answered something else")));
                    };
                    return survey.map(Some).map_err(EngineError::Survey);
                }
                // A host that is away must not keep us: doors that wait hear that we stop when the channel is dropped.
                () = stopped(stopping) => return Ok(None),
                () = next_beat(beat) => notify::alive(),
            }
        }
    }

    /// Begins the next effect, unless one is under way.
    fn start_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let Some(effect) = self.waiting.pop_front() else { return };
        failpoint!("daemon.effect.before");
        let host = self.host.clone();
        let view = self.view.clone();
        let job = effect.job();
        if let (Effect::Download { job: id, order, .. }, Some(downloads)) = (&effect, &self.downloads) {
            let (end, stop) = watch::channel(None);
            let download = downloads.open(order, stop, shown_in(view, *id));
            self.end_download = Some(end);
            self.running = Some(tokio::task::spawn_blocking(move || (job, receive(&*host, &effect, download))));
            return;
        }
        self.running = Some(tokio::task::spawn_blocking(move || {
            let show = |progress: Progress| view.send_modify(|view| Arc::make_mut(view).progress = Some(progress));
            (job, host.perform(&effect, &show))
        }));
    }

    /// Ends a download that is under way; what arrived stays.
    fn stop_download(&self, reason: Reason, because: &str) {
        if let Some(end) = &self.end_download {
            end.send_if_modified(|wish| {
                let first = wish.is_none();
                wish.get_or_insert_with(|| Failure::new(reason, because));
                first
            });
        }
    }

    fn set_tick(&mut self) {
        let waits = self
            .state
            .running
            .as_ref()
            .is_some_and(|job| matches!(job.step, Step::AwaitingReboot { .. } | Step::Rebooting { .. }));
        if !waits {
            self.tick = None;
        } else if self.tick.is_none() {
            let mut tick = tokio::time::interval(TICK);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            tick.reset();
            self.tick = Some(tick);
        }
    }

    /// Most looks at the clock change nothing, and cost no write.
    fn look_at_the_clock(&mut self) -> Result<(), SlotsError> {
        let (state, effects) = machine::step((*self.state).clone(), &self.rules, &self.clock.now(), Input::Tick);
        if state == *self.state && effects.is_empty() { Ok(()) } else { self.adopt(state, effects) }
    }

    /// Takes one input. What does not fit into the journal is not taken: a request's sender is told so, a plan that is
    /// too large is refused.
    fn take(&mut self, now: &Moment, input: Input) -> Result<(), SlotsError> {
        let (state, effects) = machine::step((*self.state).clone(), &self.rules, now, input.clone());
        match self.adopt(state, effects) {
            Err(SlotsError::TooLarge { size, capacity, .. }) if is_new_plan(&input) => {
                let message = format!(
                    "with this plan the journal would take {size} bytes of {capacity}; split the list into several updates"
                );
                let Input::Completed { job, .. } = input else { return Ok(()) };
                let outcome = Outcome::Planned(Err(Failure::new(Reason::State, message)));
                let input = Input::Completed { job, outcome };
                let (state, effects) = machine::step((*self.state).clone(), &self.rules, now, input);
                self.adopt(state, effects)
            }
            adopted => adopted,
        }
    }

    /// Makes a state durable, then shows it, then queues its effects.
    fn adopt(&mut self, mut state: State, effects: Vec<Effect>) -> Result<(), SlotsError> {
        let mut written = self.journal.write(&state);
        for forget in [State::forget_all_details, State::forget_closures] {
            if matches!(written, Err(SlotsError::TooLarge { .. })) {
                forget(&mut state);
                written = self.journal.write(&state);
            }
        }
        written?;
        self.log(&state);
        self.state = Arc::new(state);
        if let Some(Step::Cancelling { because }) = self.state.running.as_ref().map(|running| &running.step) {
            self.stop_download(Reason::Cancelled, because);
        }
        let state = self.state.clone();
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.state = state;
            view.progress = None;
        });
        self.waiting.extend(effects);
        Ok(())
    }

    fn log(&self, new: &State) {
        if let Some(running) = &new.running
            && self.state.running.as_ref().map(|old| (old.job.id, old.job.state))
                != Some((running.job.id, running.job.state))
        {
            tracing::info!(job.id = running.job.id.0, job.state = running.job.state.word(), "{}", running.job.message);
        }
        if let Some(ended) = new.ended.back().filter(|job| self.state.ended.back().map(|old| old.id) != Some(job.id)) {
            log_end(ended);
        }
    }

    fn answer(&mut self, call: Call) -> Result<(), EngineError> {
        match call {
            Call::Request { request, door, idempotency_key, answer } => {
                let _ = answer.send(self.request(request, door, idempotency_key)?);
            }
            Call::Answered { answer, done } => {
                self.answered(*answer).map_err(EngineError::Journal)?;
                let _ = done.send(());
            }
            Call::AnotherOutbox { instead_of, done } => {
                self.begin_outbox(&instead_of).map_err(EngineError::Journal)?;
                let _ = done.send(());
            }
            Call::Inspect { inspection, answer } => {
                if let Some(running) = &self.state.running {
                    let message =
                        format!("job {} is {}; ask again when it has ended", running.job.id, running.job.state);
                    let _ = answer.send(Err(Failure::new(Reason::Busy, message)));
                } else {
                    let host = self.host.clone();
                    tokio::task::spawn_blocking(move || answer.send(host.inspect(&inspection)));
                }
            }
        }
        Ok(())
    }

    /// Takes the server's answer. One that changes nothing, as an assignment that is offered until its end, costs no write.
    fn answered(&mut self, answer: SyncResponse) -> Result<(), SlotsError> {
        let SyncResponse { acknowledged, assignment, cancel, .. } = answer;
        let now = self.clock.now();
        let offered = assignment.as_ref().map(|assignment| assignment.id.clone());
        let input = Input::Answered { acknowledged, assignment, cancel };
        let (state, effects) = machine::step((*self.state).clone(), &self.rules, &now, input);
        if state == *self.state && effects.is_empty() {
            return Ok(());
        }
        match (self.adopt(state, effects), offered) {
            (Err(SlotsError::TooLarge { size, capacity, .. }), Some(assignment)) => {
                let message = format!(
                    "with this assignment the journal would take {size} bytes of {capacity}; split the list into several \
                     releases"
                );
                let failure = Failure::new(Reason::State, message);
                self.take(&now, Input::Unfit { assignment, failure })
            }
            (adopted, _) => adopted,
        }
    }

    fn begin_outbox(&mut self, instead_of: &str) -> Result<(), SlotsError> {
        if self.state.outbox.id != instead_of {
            return Ok(());
        }
        match identity::random() {
            Ok(id) => {
                tracing::warn!("the journal is older than what the server was told; reports go on in another outbox");
                self.take(&self.clock.now(), Input::AnotherOutbox { id })
            }
            Err(error) => {
                tracing::warn!("another outbox is begun after the next poll: {error}");
                Ok(())
            }
        }
    }

    fn request(
        &mut self,
        request: Request,
        door: Door,
        key: Option<String>,
    ) -> Result<Result<Admitted, Denial>, EngineError> {
        // One moment for the answer and for the machine: a window may close between two looks at the clock.
        let now = self.clock.now();
        let admission = admit(&self.state, &self.rules, &now, &request, key.as_deref());
        let admitted = match admission {
            Admission::Accept | Admission::Queue => Admitted { job: self.state.next_job, new: true },
            Admission::Cancel(job) => Admitted { job, new: false },
            Admission::Already(job) => return Ok(Ok(Admitted { job, new: false })),
            Admission::Deny(denial) => return Ok(Err(denial)),
        };
        let too_large = Denial::too_large(&request);
        match self.take(&now, Input::Requested { request, door, idempotency_key: key }) {
            Ok(()) => Ok(Ok(admitted)),
            Err(SlotsError::TooLarge { .. }) => Ok(Err(too_large)),
            Err(error) => Err(EngineError::Journal(error)),
        }
    }
}

/// Whether it is of a download that ended because the daemon stops: the journal knows that it is to go on.
fn is_unfinished(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Downloaded(Err(failure)) if failure.reason == Reason::Stopping)
}

/// Whether it brings the plan of a job.
fn is_new_plan(input: &Input) -> bool {
    matches!(input, Input::Completed { outcome: Outcome::Planned(Ok(_)), .. })
}

/// Says how a job ended, as loudly as it concerns a person.
fn log_end(job: &Job) {
    let reason = job.reason.map(Reason::code);
    for warning in &job.warnings {
        tracing::warn!(job.id = job.id.0, "{warning}");
    }
    let (id, state, message) = (job.id.0, job.state.word(), &job.message);
    if job.state == JobState::NeedsAttention {
        tracing::error!(job.id = id, job.state = state, job.reason = reason, "a person must look: {message}");
    } else if job.state == JobState::RolledBack && reason.is_some() {
        tracing::warn!(job.id = id, job.state = state, job.reason = reason, "{message}");
    } else {
        tracing::info!(job.id = id, job.state = state, job.reason = reason, "{message}");
    }
}

/// The wish to stop; a sender that is gone is none.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// The end of the effect under way; never, where there is none.
async fn ended(running: &mut Option<JoinHandle<(Option<JobId>, Outcome)>>) -> (Option<JobId>, Outcome) {
    match running {
        None => std::future::pending().await,
        Some(handle) => match handle.await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
    }
}

#[cfg(test)]
mod tests;
