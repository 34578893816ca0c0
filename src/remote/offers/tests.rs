use belay_protocol::sync::Action;

use super::*;
use crate::clock;

fn assignment(deployment: &str, attempt: u32, spread_s: u32) -> Assignment {
    let id = AssignmentRef { deployment: deployment.parse().unwrap(), attempt };
    Assignment { id, action: Action::RollBack { release: None }, spread_s }
}

#[test]
fn without_a_spread_it_begins_at_once() {
    let (mut offers, now) = (Offers::default(), clock::monotonic());
    let offered = assignment("d", 1, 0);
    assert_eq!(offers.take(Some(offered.clone()), &Jitter::of("a"), now), Some(offered));
    assert_eq!(offers.due(now), None);
}

#[test]
fn with_a_spread_it_begins_at_the_devices_instant_however_often_it_is_offered() {
    let (mut offers, now, jitter) = (Offers::default(), clock::monotonic(), Jitter::of("a"));
    let offered = assignment("d", 1, 1000);
    assert_eq!(offers.take(Some(offered.clone()), &jitter, now), None);
    let begins = offers.due(now).expect("it is waited for");
    assert_eq!(begins - now, jitter.spread(&offered.id.deployment, Duration::from_secs(1000)));
    let before = begins - Duration::from_millis(1);
    assert_eq!(offers.take(Some(offered.clone()), &jitter, before), None, "another offer does not put it off");
    assert_eq!(offers.due(before), Some(begins));
    assert_eq!(offers.take(Some(offered.clone()), &jitter, begins), Some(offered.clone()));
    assert_eq!(offers.due(begins), None);
    assert_eq!(offers.take(Some(offered.clone()), &jitter, begins), Some(offered), "until it is reported on");
}

#[test]
fn one_that_is_no_longer_offered_or_another_one_is_not_begun() {
    let (mut offers, now, jitter) = (Offers::default(), clock::monotonic(), Jitter::of("a"));
    offers.take(Some(assignment("d", 1, 1000)), &jitter, now);
    let begins = offers.due(now).unwrap();
    assert_eq!(offers.take(Some(assignment("e", 1, 10_000)), &jitter, begins), None);
    assert_ne!(offers.due(begins), Some(begins));
    assert_eq!(offers.take(None, &jitter, begins), None);
    assert_eq!(offers.due(begins), None);
}
