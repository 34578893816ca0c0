use belay_protocol::admin::Buckets;

use super::*;

#[test]
fn a_table_has_its_columns_under_their_names() {
    let rows = [["a".to_owned(), "1".to_owned()], ["longer".to_owned(), "22".to_owned()]];
    assert_eq!(table(&["NAME", "N"], rows), "NAME    N\na       1\nlonger  22");
}

#[test]
fn buckets_that_are_empty_are_not_said() {
    assert_eq!(deployment::buckets(&Buckets::default()), "no device");
    let some = Buckets { completed: 3, rolled_back: 1, waiting: 6, ..Buckets::default() };
    assert_eq!(deployment::buckets(&some), "3 completed, 1 rolled back, 6 waiting");
}

#[test]
fn one_is_not_many() {
    assert_eq!((count(1, "device"), count(0, "device")), ("1 device".to_owned(), "0 devices".to_owned()));
}
