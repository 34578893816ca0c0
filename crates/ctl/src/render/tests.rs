use belay_protocol::admin::Buckets;

use super::*;

#[test]
fn buckets_that_are_empty_are_not_said() {
    assert_eq!(deployment::buckets(&Buckets::default()), "no device");
    let some = Buckets { completed: 3, rolled_back: 1, waiting: 6, ..Buckets::default() };
    assert_eq!(deployment::buckets(&some), "3 completed, 1 rolled back, 6 waiting");
}
