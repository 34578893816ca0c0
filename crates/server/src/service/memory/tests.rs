//! Tests of what polls are answered from.

use belay_protocol::admin::DeviceState;
use belay_protocol::sync::{Action, AssignmentRef};

use super::*;
use crate::auth::{Issued, Purpose};
use crate::store::assignments::Brings;

fn keyed(id: &str, changed_at: i64) -> Keyed {
    Keyed {
        id: id.parse().unwrap(),
        state: DeviceState::Authorized,
        key: Issued::new(Purpose::Device, id).digest,
        profile_tag: String::new(),
        changed_at,
    }
}

fn open(id: &str, attempt: u32) -> Open {
    let id_of_part = AssignmentRef { deployment: "m".parse().unwrap(), attempt };
    let brings = Arc::new(Brings { action: Action::RollBack { release: None }, spread_s: 0 });
    Open { device: id.parse().unwrap(), id: id_of_part, brings, cancel: false }
}

fn attempt(memory: &Memory, id: &str) -> Option<u32> {
    memory.order(&id.parse().unwrap()).map(|open| open.id.attempt)
}

#[test]
fn a_later_state_is_never_replaced_by_an_earlier_one() {
    let memory = Memory::default();
    memory.learn(keyed("a", 5));
    assert_eq!(memory.learn(keyed("a", 4)).keyed.changed_at, 5);
    memory.relearn(vec![keyed("a", 3), keyed("b", 9)]);
    assert_eq!(memory.device("a").unwrap().keyed.changed_at, 5);
    assert!(memory.device("b").is_none(), "it never polled here");
    memory.relearn(vec![keyed("a", 6)]);
    assert_eq!(memory.device("a").unwrap().keyed.changed_at, 6);
}

#[tokio::test]
async fn what_is_told_while_all_orders_are_read_is_newer_than_what_was_read() {
    let memory = Memory::default();
    let id = |text: &str| text.parse::<DeviceId>().unwrap();
    memory.tell(&id("before"), Some(Arc::new(open("before", 1))));
    let _reading = memory.reading_orders().await;
    memory.tell(&id("ended"), None);
    memory.tell(&id("begun"), Some(Arc::new(open("begun", 2))));
    memory.after_orders(vec![open("ended", 1), open("begun", 1), open("other", 1)]);
    let told = ["before", "ended", "begun", "other"].map(|id| attempt(&memory, id));
    assert_eq!(told, [None, None, Some(2), Some(1)]);
}

#[test]
fn a_device_heard_of_often_is_written_once_and_kept_where_that_failed() {
    let memory = Memory::default();
    let (one, two) = (memory.learn(keyed("a", 1)), memory.learn(keyed("b", 1)));
    for second in [10, 11, 12] {
        memory.hear(&one, Timestamp::from_second(second).unwrap());
    }
    memory.hear(&two, Timestamp::from_second(12).unwrap());
    let taken = memory.take_heard();
    assert_eq!(taken.keys().collect::<Vec<_>>(), [&12]);
    assert_eq!(taken[&12].len(), 2);
    assert!(memory.take_heard().is_empty());

    memory.hear(&two, Timestamp::from_second(20).unwrap());
    memory.hear_again(12, &taken[&12]);
    let again = memory.take_heard();
    assert_eq!(again[&12], ["a".parse().unwrap()]);
    assert_eq!(again[&20], ["b".parse().unwrap()]);
}

#[tokio::test]
async fn the_latest_part_read_for_a_device_is_the_one_it_is_told() {
    let memory = Memory::default();
    let _reading = memory.reading_orders().await;
    memory.after_orders(vec![open("a", 1), open("a", 2)]);
    assert_eq!(attempt(&memory, "a"), Some(2));
    memory.forget(&"a".parse().unwrap());
    assert_eq!(attempt(&memory, "a"), None);
}
