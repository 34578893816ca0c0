//! A host that keeps the truth about jobs and nothing else.

use std::collections::BTreeMap;

use super::world::*;
use crate::machine::effect::{Applied, Closed, Effect, OpenTransaction, Outcome, Reboot, Survey};
use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobId, JobState, Request};

/// A host that only keeps the truth: which side of its job each device state is on.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    pub(super) survey: Survey,
    /// What really became of each job's device: `true` is new, `false` is old; none is in between.
    pub(super) device: BTreeMap<JobId, Option<bool>>,
    pub(super) verdicts: BTreeMap<JobId, JobState>,
    /// Jobs whose device went down.
    pub(super) rebooted: BTreeMap<JobId, bool>,
}

impl Truth {
    pub(super) fn perform(&mut self, effect: &Effect, well: bool, reason: Reason) -> Outcome {
        let Some(job) = effect.job() else { return Outcome::Surveyed(Ok(self.survey.clone())) };
        if let Some(verdict) = self.verdicts.get(&job) {
            return match (effect, verdict) {
                (Effect::Commit { .. }, JobState::Committed) => success(effect),
                (Effect::Verify { .. }, JobState::Committed) => success(effect),
                (Effect::RollBack { .. }, JobState::RolledBack) => success(effect),
                _ => effect.failed(failure(Reason::State)),
            };
        }
        let open = self.survey.open.as_ref().is_some_and(|open| open.job == job);
        if !open && !matches!(effect, Effect::Download { .. } | Effect::Plan { .. } | Effect::Discard { .. }) {
            return effect.failed(failure(Reason::State));
        }
        // The host's promise: once the device is touched, no failure claims that it is not.
        let touched = self.survey.open.as_ref().is_some_and(|open| open.job == job && open.touched);
        let reason = if touched && reason.leaves_device_untouched() { Reason::UndoFailed } else { reason };
        match effect {
            Effect::Survey => {}
            Effect::Plan { request, assignment, .. } => {
                let unfinished = self.survey.open.as_ref().is_some_and(|open| open.touched);
                if unfinished && !request.is_rollback() {
                    return effect.failed(failure(Reason::UndoFailed));
                }
                let open = OpenTransaction {
                    job,
                    request: request.clone(),
                    touched: unfinished,
                    stuck: None,
                    awaits_reboot: false,
                    assignment: assignment.clone(),
                };
                self.survey.open = Some(open);
            }
            Effect::Reboot { .. } if well => {
                let was_ordered = self.rebooted.insert(job, true).is_some();
                return Outcome::Rebooting(Ok(if was_ordered { Reboot::Done } else { Reboot::Ordered }));
            }
            Effect::Download { .. }
            | Effect::Fetch { .. }
            | Effect::Capture { .. }
            | Effect::Reboot { .. }
            | Effect::Verify { .. } => {}
            Effect::Apply { .. } => {
                if !well && reason == Reason::PlanChanged {
                    return Outcome::Applied(Applied::Untouched(failure(reason)));
                }
                self.touch(job);
                self.device.insert(job, well.then_some(true));
                if well && self.asks_for_a_reboot(job) {
                    return Outcome::Applied(Applied::DoneWith {
                        notes: Vec::new(),
                        reboot: Some("the kernel was replaced".to_owned()),
                    });
                }
            }
            Effect::Commit { .. } if well => self.close(job, JobState::Committed),
            Effect::Commit { .. } => {}
            Effect::RollBack { .. } if !well && reason.leaves_device_untouched() => {}
            Effect::RollBack { .. } => {
                self.touch(job);
                self.device.insert(job, well.then_some(false));
                if well {
                    self.close(job, JobState::RolledBack);
                } else if reason == Reason::ForeignChange {
                    self.survey.open.as_mut().expect("it is open").stuck = Some(failure(reason));
                }
            }
            Effect::Discard { .. } if touched => return effect.failed(failure(Reason::Interrupted)),
            Effect::Discard { .. } if !well => return effect.failed(failure(Reason::State)),
            Effect::Discard { .. } => self.survey.open = self.survey.open.take().filter(|open| open.job != job),
        }
        if well { success(effect) } else { effect.failed(failure(reason)) }
    }

    /// Every other bundle needs one.
    fn asks_for_a_reboot(&self, job: JobId) -> bool {
        let open = self.survey.open.as_ref().filter(|open| open.job == job);
        job.0.is_multiple_of(2) && open.is_some_and(|open| open.request.bundle().is_some())
    }

    fn touch(&mut self, job: JobId) {
        if let Some(open) = self.survey.open.as_mut().filter(|open| open.job == job) {
            open.touched = true;
        }
    }

    fn close(&mut self, job: JobId, end: JobState) {
        self.verdicts.insert(job, end);
        let open = self.survey.open.take();
        let assignment = open.as_ref().and_then(|open| open.assignment.clone());
        let rollback = Request::Rollback { to: None, approve: Vec::new(), from: None };
        let request = open.map_or(rollback, |open| open.request);
        let message = String::new();
        let generation = Generation(0);
        let at = noon().at;
        self.survey.closed.push(Closed { job, request, end, reason: None, message, generation, at, assignment });
    }
}
