//! Any order of inputs, crash and restart among them: every job ends, and no verdict is claimed that the effects did
//! not reach.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::*;
use crate::machine::effect::{Applied, Closed, Effect, OpenTransaction, Outcome, Survey};
use crate::machine::input::Input;
use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobId, JobState, Request};

/// What happens next in a history.
#[derive(Debug, Clone)]
enum Event {
    Update,
    Rollback,
    /// The effect under way ends, well or badly.
    Completes {
        well: bool,
        reason: Reason,
    },
    /// An outcome arrives that nobody asked for.
    Stray {
        job: u64,
        of: usize,
    },
    /// The daemon dies and starts again.
    Restart {
        journal_lost: bool,
        ledger_lost: bool,
    },
}

/// A host that only keeps the truth: which side of its job each device state is on.
#[derive(Debug, Clone, Default)]
struct Truth {
    survey: Survey,
    /// What really became of each job's device: `true` is new, `false` is old; none is in between.
    device: BTreeMap<JobId, Option<bool>>,
    verdicts: BTreeMap<JobId, JobState>,
}

impl Truth {
    fn perform(&mut self, effect: &Effect, well: bool, reason: Reason) -> Outcome {
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
        if !open && !matches!(effect, Effect::Plan { .. } | Effect::Discard { .. }) {
            return effect.failed(failure(Reason::State));
        }
        // The host's promise: once the device is touched, no failure claims that it is not.
        let touched = self.survey.open.as_ref().is_some_and(|open| open.job == job && open.touched);
        let reason = if touched && reason.leaves_device_untouched() { Reason::UndoFailed } else { reason };
        match effect {
            Effect::Survey => {}
            Effect::Plan { request, .. } => {
                let unfinished = self.survey.open.as_ref().is_some_and(|open| open.touched);
                if unfinished && !request.is_rollback() {
                    return effect.failed(failure(Reason::UndoFailed));
                }
                let open = OpenTransaction { job, request: request.clone(), touched: unfinished, stuck: None };
                self.survey.open = Some(open);
            }
            Effect::Fetch { .. } | Effect::Capture { .. } | Effect::Verify { .. } => {}
            Effect::Apply { .. } => {
                if !well && reason == Reason::PlanChanged {
                    return Outcome::Applied(Applied::Untouched(failure(reason)));
                }
                self.touch(job);
                self.device.insert(job, well.then_some(true));
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

    fn touch(&mut self, job: JobId) {
        if let Some(open) = self.survey.open.as_mut().filter(|open| open.job == job) {
            open.touched = true;
        }
    }

    fn close(&mut self, job: JobId, end: JobState) {
        self.verdicts.insert(job, end);
        let request = self.survey.open.take().map(|open| open.request);
        let request = request.unwrap_or(Request::Rollback { to: None, approve: Vec::new() });
        let message = String::new();
        let generation = Generation(0);
        self.survey.closed.push(Closed { job, request, end, reason: None, message, generation, at: noon().at });
    }
}

fn event() -> impl Strategy<Value = Event> {
    let reason = prop_oneof![
        Just(Reason::NoSpace),
        Just(Reason::PlanChanged),
        Just(Reason::LockTimeout),
        Just(Reason::ApplyFailed),
        Just(Reason::UndoFailed),
        Just(Reason::ForeignChange),
        Just(Reason::VaultDamaged),
    ];
    prop_oneof![
        2 => Just(Event::Update),
        1 => Just(Event::Rollback),
        8 => (prop::bool::weighted(0.8), reason).prop_map(|(well, reason)| Event::Completes { well, reason }),
        1 => (0_u64..6, 0_usize..9).prop_map(|(job, of)| Event::Stray { job, of }),
        1 => (prop::bool::weighted(0.2), prop::bool::weighted(0.1))
            .prop_map(|(journal_lost, ledger_lost)| Event::Restart { journal_lost, ledger_lost }),
    ]
}

fn stray(job: u64, of: usize) -> Input {
    let job = JobId(job);
    let effects = [
        Effect::Plan { job, request: update_request(&["demo-app"]) },
        Effect::Fetch { job },
        Effect::Capture { job },
        Effect::Apply { job },
        Effect::Verify { job },
        Effect::Commit { job },
        Effect::RollBack { job, because: failure(Reason::Unhealthy) },
        Effect::Discard { job },
        Effect::Survey,
    ];
    let effect = &effects[of];
    Input::Completed { job: effect.job(), outcome: effect.failed(failure(Reason::State)) }
}

fn play(events: Vec<Event>) -> (World, Truth) {
    let mut world = given();
    let mut truth = Truth::default();
    for event in events {
        world = match event {
            Event::Update => world.when(update(&["demo-app"])),
            Event::Rollback => world.when(rollback()),
            Event::Completes { well, reason } => match world.effects.front().cloned() {
                None => world,
                Some(effect) => {
                    let outcome = truth.perform(&effect, well, reason);
                    world.completes(outcome)
                }
            },
            Event::Stray { job, of } => match fits(&world, job, of) {
                true => world,
                false => world.when(stray(job, of)),
            },
            Event::Restart { journal_lost, ledger_lost } => {
                if journal_lost {
                    world.state = Default::default();
                }
                if ledger_lost {
                    truth.survey = Survey::default();
                }
                if journal_lost && truth.survey == Survey::default() {
                    // With both gone the numbers start anew; nothing can be held against an older claim.
                    truth = Truth::default();
                }
                world.restarts(truth.survey.clone())
            }
        };
    }
    (world, truth)
}

/// Whether that stray outcome would be the one that is awaited, which is no stray.
fn fits(world: &World, job: u64, of: usize) -> bool {
    let Input::Completed { outcome, .. } = stray(job, of) else { return false };
    let awaited = world.effects.front().is_some_and(|effect| {
        effect.job() == Some(JobId(job))
            && std::mem::discriminant(&effect.failed(failure(Reason::State))) == std::mem::discriminant(&outcome)
    });
    let cancelling = world.state.running.as_ref().is_some_and(|running| running.job.id == JobId(job));
    awaited || cancelling || matches!(outcome, Outcome::Surveyed(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_job_ends_and_no_verdict_lies(events in prop::collection::vec(event(), 1..60)) {
        let (mut world, mut truth) = play(events);
        // From here on everything works; whatever was begun must come to its end.
        for _ in 0..200 {
            let Some(effect) = world.effects.front().cloned() else { break };
            let outcome = truth.perform(&effect, true, Reason::State);
            world = world.completes(outcome);
        }
        prop_assert!(world.effects.is_empty(), "effects for ever: {:?}", world.effects);
        prop_assert!(world.state.running.is_none(), "still running: {:?}", world.state.running);
        for job in &world.state.ended {
            prop_assert!(job.state.is_end());
            match job.state {
                JobState::Committed => {
                    let nothing_done = job.plan.as_ref().is_some_and(|plan| plan.is_empty());
                    prop_assert!(
                        nothing_done || truth.verdicts.get(&job.id) == Some(&JobState::Committed),
                        "job {} claims to be committed", job.id
                    );
                }
                JobState::RolledBack => prop_assert_eq!(truth.verdicts.get(&job.id), Some(&JobState::RolledBack)),
                JobState::Refused => {
                    let device = truth.device.get(&job.id);
                    let forgotten = truth.survey.open.as_ref().is_some_and(|open| open.job == job.id);
                    prop_assert!(device.is_none() || forgotten, "job {} is refused but changed the device", job.id);
                }
                JobState::NeedsAttention => prop_assert!(!truth.verdicts.contains_key(&job.id)),
                JobState::Accepted
                | JobState::Planning
                | JobState::Fetching
                | JobState::Capturing
                | JobState::Applying
                | JobState::Verifying
                | JobState::RollingBack => prop_assert!(false, "job {} is not at an end", job.id),
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_state(events in prop::collection::vec(event(), 1..40)) {
        let (one, _) = play(events.clone());
        let (two, _) = play(events);
        prop_assert_eq!(one.state, two.state);
    }
}
