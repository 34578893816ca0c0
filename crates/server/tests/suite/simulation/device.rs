//! A simulated device: the agent's real machine, a host, and the agent's rules on what a poll carries.

use std::collections::{BTreeMap, BTreeSet};

use belay_agent::machine::effect::Effect;
use belay_agent::machine::input::{Input, Moment};
use belay_agent::machine::rules::{GuardRules, PolicyRules, Rules, defaults};
use belay_agent::machine::state::State;
use belay_agent::machine::step;
use belay_protocol::DeviceId;
use belay_protocol::enrol::EnrolRequest;
use belay_protocol::sync::{AssignmentRef, Installed, Profile, Report, ReportStatus, SyncRequest, SyncResponse};
use jiff::Timestamp;

use super::host::Host;
use crate::fleet::{enrolment, tag};

/// A device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) key: String,
    enrolment: EnrolRequest,
    pub(super) host: Host,
    pub(super) state: State,
    /// The effect that is being carried out.
    pub(super) under_way: Option<Effect>,
    waiting: Vec<Effect>,
    /// Counts starts: what was under way in another life does not end in this one.
    pub(super) life: u64,
    /// How far its clock is from the right time, in seconds.
    pub(super) clock_off: i64,
    /// How much slower than others it is.
    pub(super) slowness: u64,
    pub(super) gone: bool,
    known_tag: Option<String>,
    profile_wanted: bool,
    told: u64,
    /// Every report that it wrote.
    pub(super) written: BTreeMap<u64, Report>,
    /// The releases that it ever had in force.
    pub(super) had: BTreeSet<String>,
}

impl Device {
    pub(super) fn new(number: u32) -> Self {
        let mut state = State::default();
        state.outbox.id = format!("outbox-{number}");
        Self {
            id: format!("d_{number:05}").parse().expect("a name"),
            key: String::new(),
            enrolment: enrolment(number),
            host: Host::new(),
            state,
            under_way: None,
            waiting: Vec::new(),
            life: 0,
            clock_off: 0,
            slowness: 1,
            gone: false,
            known_tag: None,
            profile_wanted: false,
            told: 0,
            written: BTreeMap::new(),
            had: BTreeSet::new(),
        }
    }

    pub(super) fn enrolment(&self) -> EnrolRequest {
        EnrolRequest { profile: self.profile(), ..self.enrolment.clone() }
    }

    fn profile(&self) -> Profile {
        let (release, generation) = (self.host.measured(), self.host.generation());
        let installed =
            Installed { release, generation, drift: Vec::new(), needs_attention: self.state.stuck.is_some() };
        Profile { installed, ..self.enrolment.profile.clone() }
    }

    /// What it sends now, as the agent's session makes it.
    pub(super) fn request(&self) -> SyncRequest {
        let reports: Vec<Report> = self.state.outbox.pending.iter().take(100).cloned().collect();
        let outbox = if reports.is_empty() { String::new() } else { self.state.outbox.id.clone() };
        let profile = self.profile();
        let tag = tag(&profile);
        let changed = self.known_tag.as_ref().is_some_and(|known| *known != tag);
        SyncRequest { tag, profile: (changed || self.profile_wanted).then_some(profile), outbox, reports }
    }

    /// Takes an answer; the seconds until the next poll.
    pub(super) fn take(&mut self, request: &SyncRequest, newest: u64, answer: SyncResponse, now: Timestamp) -> u64 {
        self.profile_wanted = answer.send_profile && request.profile.is_none();
        if !answer.send_profile {
            self.known_tag = Some(request.tag.clone());
        }
        let sent = request.reports.last().map(|report| report.seq);
        let acknowledged = answer.acknowledged.zip(sent).map(|(acknowledged, sent)| acknowledged.min(sent));
        if sent.is_some() {
            self.told = sent.filter(|_| acknowledged == sent).unwrap_or(newest);
        }
        let SyncResponse { assignment, cancel, next_s, .. } = answer;
        if acknowledged.is_some() || assignment.is_some() || cancel.is_some() {
            self.input(Input::Answered { acknowledged, assignment, cancel }, now);
        }
        if self.has_news() { 1 } else { next_s.into() }
    }

    /// Whether the server is to be asked at once.
    pub(super) fn has_news(&self) -> bool {
        self.profile_wanted || self.state.outbox.pending.back().is_some_and(|report| report.seq > self.told)
    }

    /// One input to the machine; what it wrote is checked against what the device is.
    pub(super) fn input(&mut self, input: Input, now: Timestamp) {
        let moment = Moment {
            at: now.checked_add(jiff::SignedDuration::from_secs(self.clock_off)).expect("within the calendar"),
            weekday: jiff::civil::Weekday::Monday,
            minute: 720,
        };
        let last = self.state.outbox.last;
        let (state, effects) = step(self.state.clone(), &rules(), &moment, input);
        self.state = state;
        self.waiting.extend(effects);
        self.had.extend(self.host.measured().map(|release| release.to_string()));
        for report in self.state.outbox.pending.iter().filter(|report| report.seq > last) {
            let whole = match report.status {
                ReportStatus::Downloading | ReportStatus::Installing | ReportStatus::Verifying => true,
                ReportStatus::Completed
                | ReportStatus::Failed
                | ReportStatus::RolledBack
                | ReportStatus::Deferred
                | ReportStatus::Skipped
                | ReportStatus::Unknown => self.host.is_whole() || report.job.is_none(),
            };
            assert!(whole, "{} reports an end while it is between old and new: {report:?}", self.id);
            self.written.insert(report.seq, report.clone());
        }
    }

    /// The next effect to carry out, where none is.
    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return None;
        }
        let effect = self.waiting.remove(0);
        self.host.begin(&effect);
        self.under_way = Some(effect.clone());
        Some(effect)
    }

    /// The effect that was under way has ended.
    pub(super) fn finish(&mut self, now: Timestamp) {
        let Some(effect) = self.under_way.take() else { return };
        let outcome = self.host.finish(&effect, now);
        self.input(Input::Completed { job: effect.job(), outcome }, now);
    }

    /// The power is cut and comes again: only the disk survives.
    pub(super) fn crash(&mut self, was_done: bool, now: Timestamp) {
        self.life += 1;
        let cut = self.under_way.take();
        self.waiting.clear();
        (self.known_tag, self.profile_wanted, self.told) = (None, false, 0);
        self.host.boot(cut.as_ref(), was_done, now);
        self.input(Input::Started { survey: self.host.survey() }, now);
    }

    /// The ends that it told of an attempt, in order.
    pub(super) fn verdicts(&self, id: &AssignmentRef) -> Vec<ReportStatus> {
        let about = self.written.values().filter(|report| report.assignment.as_ref() == Some(id));
        about.map(|report| report.status).filter(|status| is_end(*status)).collect()
    }
}

/// Whether a report never makes way for a later one.
pub(super) fn is_end(status: ReportStatus) -> bool {
    !matches!(status, ReportStatus::Downloading | ReportStatus::Installing | ReportStatus::Verifying)
}

fn rules() -> Rules {
    Rules {
        guard: GuardRules {
            allowed_origins: Vec::new(),
            allow_boot: false,
            protected: Vec::new(),
            one_way: Vec::new(),
            boot: Vec::new(),
            paths: Vec::new(),
            reserve_bytes: 0,
        },
        policy: PolicyRules {
            server_may_approve: Vec::new(),
            lockdown: false,
            windows: Vec::new(),
            not_before: Timestamp::UNIX_EPOCH,
            server_rollback_within: defaults::SERVER_ROLLBACK_WITHIN,
        },
    }
}
