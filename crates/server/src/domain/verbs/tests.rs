//! Tests of what operators may do to a deployment, and when.

use belay_protocol::admin::Strategy;

use super::*;
use crate::domain::testing::{at, deployment};
use DeploymentStatus as Status;

type Verb = fn(&mut Deployment, &Tally, Timestamp) -> Result<Decision, Refusal>;

const ALL: [Status; 7] = [
    Status::Pending,
    Status::InProgress,
    Status::Paused,
    Status::Halted,
    Status::Completed,
    Status::Failed,
    Status::Cancelled,
];

fn expand_all(deployment: &mut Deployment, tally: &Tally, now: Timestamp) -> Result<Decision, Refusal> {
    expand(deployment, None, tally, now)
}

fn canary(status: Status) -> Deployment {
    let strategy = Strategy::Canary { percent: 10, soak_s: None };
    Deployment { status, strategy, allowed: Some(4), ..deployment() }
}

fn tally(completed: u64, failed: u64, waiting: u64) -> Tally {
    Tally { completed, failed, waiting, ..Tally::default() }
}

#[test]
fn each_verb_is_taken_in_its_states_and_refused_in_all_others() {
    let mixed = tally(40, 1, 10);
    let table: [(&str, Verb, &[Status]); 6] = [
        ("start", start, &[Status::Pending]),
        ("pause", pause, &[Status::InProgress]),
        ("resume", resume, &[Status::Paused, Status::Halted]),
        ("cancel", cancel, &[Status::Pending, Status::InProgress, Status::Paused, Status::Halted]),
        ("widen", expand_all, &[Status::InProgress]),
        ("retry", retry, &[Status::InProgress, Status::Paused, Status::Halted, Status::Completed, Status::Failed]),
    ];
    for (word, verb, states) in table {
        for status in ALL {
            let mut deployment = canary(status);
            let before = deployment.clone();
            match verb(&mut deployment, &mixed, at(9)) {
                Ok(decision) => {
                    assert!(states.contains(&status), "{word} was taken when {status:?}");
                    assert_eq!(decision.act.word(), word);
                    assert_eq!((deployment.revision, &deployment.reason), (before.revision + 1, &decision.reason));
                    assert!(!decision.reason.is_empty() && !decision.inputs.is_empty());
                }
                Err(refusal) => {
                    assert!(!states.contains(&status), "{word} was refused when {status:?}: {refusal}");
                    assert_eq!(refusal.code, "wrong_state");
                    assert_eq!(deployment, before, "a refused verb changes nothing");
                }
            }
        }
    }
}

#[test]
fn a_refusal_names_the_state_and_what_would_do() {
    let refusal = resume(&mut canary(Status::Completed), &tally(1, 0, 0), at(9)).unwrap_err();
    assert_eq!(refusal.message, "it is completed; only one that is paused or halted can be resumed");
}

#[test]
fn a_start_opens_the_first_wave() {
    let mut deployment = Deployment { allowed: None, started_at: None, ..canary(Status::Pending) };
    let decision = start(&mut deployment, &tally(0, 0, 50), at(9)).unwrap();
    assert_eq!(decision.reason, "started: 5 of 50 devices come first");
    assert_eq!((deployment.status, deployment.allowed), (Status::InProgress, Some(5)));
    assert_eq!(deployment.started_at, Some(at(9)));
}

#[test]
fn nothing_starts_before_its_time() {
    let mut deployment = canary(Status::Pending);
    deployment.policy.start_at = Some(at(10));
    assert_eq!(start(&mut deployment, &tally(0, 0, 50), at(9)).unwrap_err().code, "too_early");
    assert!(start(&mut deployment, &tally(0, 0, 50), at(10)).is_ok());
}

#[test]
fn going_on_after_a_halt_forgives_and_after_a_pause_does_not() {
    let mut halted = canary(Status::Halted);
    resume(&mut halted, &tally(17, 3, 5), at(9)).unwrap();
    assert_eq!(halted.forgiven, Forgiven { finished: 20, failures: 3 });
    let mut paused = canary(Status::Paused);
    resume(&mut paused, &tally(17, 3, 5), at(9)).unwrap();
    assert_eq!(paused.forgiven, Forgiven::default());
    assert_eq!((halted.status, paused.status), (Status::InProgress, Status::InProgress));
}

#[test]
fn expanding_opens_a_part_or_all() {
    let tally = tally(4, 0, 36);
    for (percent, allowed) in [(Some(50), Some(20)), (Some(100), None), (None, None), (Some(11), None)] {
        let mut deployment = canary(Status::InProgress);
        deployment.soak_until = Some(at(1));
        let expanded = expand(&mut deployment, percent, &tally, at(9));
        if percent == Some(11) {
            assert_eq!(expanded.unwrap_err().code, "nothing_to_expand", "11 % of 40 are the four there were");
        } else {
            assert!(expanded.is_ok(), "{percent:?}");
            assert_eq!((deployment.allowed, deployment.soak_until), (allowed, None), "{percent:?}");
        }
    }
    let mut open = Deployment { allowed: None, ..canary(Status::InProgress) };
    assert_eq!(expand(&mut open, None, &tally, at(9)).unwrap_err().code, "nothing_to_expand");
    for percent in [0, 101] {
        let refusal = expand(&mut canary(Status::InProgress), Some(percent), &tally, at(9)).unwrap_err();
        assert_eq!(refusal.code, "invalid_percent");
    }
}

#[test]
fn a_canary_that_has_just_failed_cannot_be_expanded() {
    let mut deployment = Deployment { allowed: Some(1), ..canary(Status::InProgress) };
    let refusal = expand(&mut deployment, None, &tally(0, 1, 9), at(9)).unwrap_err();
    assert_eq!(refusal.code, "wrong_state");
    assert_eq!(refusal.message, "it is about to be halted: 1 of 1 failed, limit 5 %; resume it first");
}

#[test]
fn a_retry_begins_again_and_counts_again() {
    let mut deployment = canary(Status::Failed);
    deployment.ended_at = Some(at(5));
    deployment.forgiven = Forgiven { finished: 20, failures: 3 };
    retry(&mut deployment, &tally(17, 3, 0), at(9)).unwrap();
    assert_eq!((deployment.status, deployment.ended_at), (Status::InProgress, None));
    assert_eq!(deployment.forgiven, Forgiven { finished: 17, failures: 0 });
    assert_eq!(deployment.started_at, Some(at(9)), "the deadline counts anew");
    let nothing = retry(&mut canary(Status::InProgress), &tally(3, 0, 1), at(9)).unwrap_err();
    assert_eq!(nothing.code, "nothing_to_retry");
}

#[test]
fn one_device_is_not_counted_as_several() {
    let opened = || Deployment { allowed: Some(1), ..canary(Status::InProgress) };
    let reason = |decided: Result<Decision, Refusal>| decided.unwrap().reason;
    let (one, two) = (tally(0, 0, 1), tally(1, 0, 1));
    let few = || Deployment { allowed: Some(0), ..opened() };
    assert_eq!(reason(expand(&mut opened(), None, &one, at(9))), "expanded by an operator: its device may begin");
    assert_eq!(reason(expand(&mut opened(), None, &two, at(9))), "expanded by an operator: all 2 devices may begin");
    let part = "expanded by an operator: 1 of 1 device may begin";
    assert_eq!(reason(expand(&mut few(), Some(50), &one, at(9))), part);
    let refusal = expand(&mut opened(), Some(50), &one, at(9)).unwrap_err();
    assert_eq!(refusal.message, "1 of 1 device may begin already; name a greater percentage");
    assert_eq!(reason(cancel(&mut opened(), &one, at(9))), "cancelled by an operator: 0 of 1 device had it");
    assert_eq!(reason(cancel(&mut opened(), &two, at(9))), "cancelled by an operator: 1 of 2 devices had it");
    let halted = |failed| reason(resume(&mut canary(Status::Halted), &tally(0, failed, 1), at(9)));
    assert_eq!(halted(1), "resumed by an operator: 1 failure is forgiven");
    assert_eq!(halted(2), "resumed by an operator: 2 failures are forgiven");
    let again = |failed| reason(retry(&mut canary(Status::Failed), &tally(0, failed, 0), at(9)));
    assert_eq!(again(1), "tried again by an operator on 1 device");
    assert_eq!(again(2), "tried again by an operator on 2 devices");
}
