//! Tests of what a decision does to a deployment.

use super::*;
use crate::domain::testing::{at, deployment};

fn applied(act: Act) -> Deployment {
    let mut deployment = deployment();
    deployment.soak_until = Some(at(1));
    let decision = Decision { act, reason: "because".to_owned(), inputs: BTreeMap::new() };
    apply(&mut deployment, &decision, at(99));
    deployment
}

fn acts() -> Vec<Act> {
    vec![
        Act::Start { allowed: Some(3) },
        Act::Offer { devices: vec!["dev".parse().unwrap()] },
        Act::Withdraw { device: "dev".parse().unwrap() },
        Act::TimeOut { device: "dev".parse().unwrap() },
        Act::Soak { until: at(500) },
        Act::Widen { allowed: Some(7) },
        Act::Halt,
        Act::GiveUp,
        Act::Finish { status: DeploymentStatus::Failed },
        Act::Freeze { frozen: Frozen { closure: belay_protocol::Closure::default(), by: "dev".parse().unwrap() } },
        Act::LeaveOpen,
        Act::Pause,
        Act::Resume { forgiven: Forgiven { finished: 2, failures: 1 } },
        Act::Cancel,
        Act::Retry { forgiven: Forgiven { finished: 2, failures: 0 } },
    ]
}

#[test]
fn every_decision_is_one_revision_and_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> = acts().iter().map(Act::word).collect();
    assert_eq!(words.len(), acts().len());
    for act in acts() {
        assert_eq!(applied(act.clone()).revision, 2, "{}", act.word());
    }
}

#[test]
fn what_concerns_single_devices_leaves_the_reason_of_the_whole() {
    for act in acts() {
        let single = ["offer", "withdraw", "time_out", "freeze", "not_frozen"].contains(&act.word());
        let expected = if single { "started" } else { "because" };
        assert_eq!(applied(act.clone()).reason, expected, "{}", act.word());
    }
}

#[test]
fn a_deployment_remembers_what_was_decided() {
    let [start, _, _, _, soak, widen, halt, give_up, finish, freeze, _, pause, resume, cancel, retry] =
        <[Act; 15]>::try_from(acts()).unwrap().map(applied);
    assert_eq!((start.status, start.allowed, start.started_at), (DeploymentStatus::InProgress, Some(3), Some(at(99))));
    assert_eq!(soak.soak_until, Some(at(500)));
    assert_eq!((widen.allowed, widen.soak_until), (Some(7), None));
    assert_eq!((halt.status, halt.ended_at), (DeploymentStatus::Halted, None));
    assert_eq!(give_up.status, DeploymentStatus::InProgress);
    assert_eq!((finish.status, finish.ended_at), (DeploymentStatus::Failed, Some(at(99))));
    assert_eq!(freeze.frozen.unwrap().by.as_str(), "dev");
    assert_eq!(pause.status, DeploymentStatus::Paused);
    assert_eq!((resume.status, resume.forgiven.failures), (DeploymentStatus::InProgress, 1));
    assert_eq!((cancel.status, cancel.ended_at), (DeploymentStatus::Cancelled, Some(at(99))));
    assert_eq!((retry.status, retry.started_at, retry.ended_at), (DeploymentStatus::InProgress, Some(at(99)), None));
    assert_eq!(retry.soak_until, None);
}
