//! Any order of inputs, crash and restart among them: every job ends, and no verdict is claimed that the effects did
//! not reach.

use proptest::prelude::*;

use super::server::Server;
use super::truth::Truth;
use super::world::*;
use crate::machine::effect::{Effect, Outcome, Survey};
use crate::machine::input::Input;
use crate::machine::state::Step;
use belay_protocol::Reason;
use belay_protocol::job::{JobId, JobState};
use belay_protocol::sync::ReportStatus;

/// A window that is not open at the tests' moment, which is noon.
const NIGHT: &str = "02:00-04:00";

/// What happens next in a history.
#[derive(Debug, Clone)]
enum Event {
    Update,
    Bundle,
    Rollback,
    /// Time went by; the maintenance window is open or not.
    Tick {
        open: bool,
    },
    /// A poll: what is pending arrives or is lost, the answer likewise.
    Sync {
        rolls_back: bool,
        cancels: bool,
        answer_lost: bool,
    },
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
        2 => Just(Event::Bundle),
        1 => Just(Event::Rollback),
        2 => prop::bool::ANY.prop_map(|open| Event::Tick { open }),
        4 => (prop::bool::weighted(0.3), prop::bool::weighted(0.1), prop::bool::weighted(0.3))
            .prop_map(|(rolls_back, cancels, answer_lost)| Event::Sync { rolls_back, cancels, answer_lost }),
        8 => (prop::bool::weighted(0.8), reason).prop_map(|(well, reason)| Event::Completes { well, reason }),
        1 => (0_u64..6, 0_usize..11).prop_map(|(job, of)| Event::Stray { job, of }),
        1 => (prop::bool::weighted(0.2), prop::bool::weighted(0.1))
            .prop_map(|(journal_lost, ledger_lost)| Event::Restart { journal_lost, ledger_lost }),
    ]
}

fn stray(job: u64, of: usize) -> Input {
    let job = JobId(job);
    let effects = [
        Effect::Plan { job, request: update_request(&["demo-app"]), assignment: None },
        Effect::Fetch { job },
        Effect::Capture { job },
        Effect::Apply { job },
        Effect::Verify { job },
        Effect::Commit { job },
        Effect::RollBack { job, because: failure(Reason::Unhealthy) },
        Effect::Discard { job },
        Effect::Download { job, order: bundle_order(), assignment: None, approve: vec![] },
        Effect::Reboot { job },
        Effect::Survey,
    ];
    let effect = &effects[of];
    Input::Completed { job: effect.job(), outcome: effect.failed(failure(Reason::State)) }
}

fn play(events: Vec<Event>) -> (World, Truth, Server) {
    let mut world = given();
    let mut truth = Truth::default();
    let mut server = Server::default();
    for event in events {
        world = match event {
            Event::Update => world.when(update(&["demo-app"])),
            Event::Bundle => world.when(bundle()),
            Event::Rollback => world.when(rollback()),
            Event::Tick { open } => {
                world.rules.policy.windows = if open { vec![] } else { vec![NIGHT.parse().unwrap()] };
                world.when(Input::Tick)
            }
            Event::Sync { rolls_back, cancels, answer_lost } => {
                let answer = server.answers(&world.state.outbox, rolls_back, cancels);
                if answer_lost { world } else { world.when(answer) }
            }
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
                    server.sees_another_outbox();
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
    (world, truth, server)
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

/// From here on everything works; whatever was begun must come to its end.
fn settled((mut world, mut truth, server): (World, Truth, Server)) -> (World, Truth, Server) {
    world.rules.policy.windows = vec![];
    for _ in 0..200 {
        if let Some(effect) = world.effects.front().cloned() {
            let outcome = truth.perform(&effect, true, Reason::State);
            world = world.completes(outcome);
            continue;
        }
        // A device that goes down comes up again, and what waits for a window gets one.
        world = match world.state.running.as_ref().map(|running| &running.step) {
            Some(Step::Rebooting { .. }) => world.restarts(truth.survey.clone()),
            Some(Step::AwaitingReboot { .. }) => world.when(Input::Tick),
            Some(_) | None => break,
        };
    }
    (world, truth, server)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_job_ends_and_no_verdict_lies(events in prop::collection::vec(event(), 1..60)) {
        let (world, truth, _) = settled(play(events));
        prop_assert!(world.effects.is_empty(), "effects for ever: {:?}", world.effects);
        prop_assert!(world.state.running.is_none(), "still running: {:?}", world.state.running);
        for job in &world.state.ended {
            prop_assert!(job.state.is_end());
            match job.state {
                JobState::Committed => {
                    let nothing_done = job.plan.as_ref().is_some_and(|plan| plan.is_empty()) && job.request.bundle().is_none();
                    // The update that it waited for was taken back instead.
                    let fulfilled = job.request.is_rollback() && job.plan.is_none();
                    prop_assert!(
                        nothing_done || fulfilled || truth.verdicts.get(&job.id) == Some(&JobState::Committed),
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
                | JobState::Rebooting
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
    fn every_assignment_ends_once_in_order_and_truly(events in prop::collection::vec(event(), 1..60)) {
        let (mut world, mut truth, mut server) = settled(play(events));
        // The last answers may have been lost: what the server still offers is answered now, and every report arrives.
        for _ in 0..3 {
            let answer = server.answers(&world.state.outbox, false, false);
            (world, truth, server) = settled((world.when(answer), truth, server));
        }
        let acknowledged = server.takes(&world.state.outbox);
        world = world.when(Input::Answered { acknowledged, assignment: None, cancel: None });
        prop_assert_eq!(server.unanswered(), Vec::<u32>::new());
        prop_assert!(world.state.outbox.pending.is_empty(), "{:?}", world.state.outbox.pending);
        prop_assert_eq!(server.wrong, Vec::<String>::new());
        prop_assert_eq!(world.state.outbox.dropped, 0);
        for (job, status) in &server.ends_of_jobs {
            let expected = match truth.verdicts.get(job) {
                Some(JobState::Committed) => &[ReportStatus::Completed][..],
                // Of an update, or of a rollback that was asked for.
                Some(JobState::RolledBack) => &[ReportStatus::RolledBack, ReportStatus::Completed, ReportStatus::Failed],
                _nothing_was_changed => continue,
            };
            prop_assert!(expected.contains(status), "job {} was told as {:?}", job, status);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_state(events in prop::collection::vec(event(), 1..40)) {
        let (one, _, _) = play(events.clone());
        let (two, _, _) = play(events);
        prop_assert_eq!(one.state, two.state);
    }
}
