use belay_protocol::admin::{Buckets, FleetSummary};
use belay_terminal::{Paint, plain};

use super::*;

#[test]
fn buckets_that_are_empty_are_not_said() {
    assert_eq!(deployment::buckets(&Buckets::default()), "no device");
    let some = Buckets { completed: 3, rolled_back: 1, waiting: 6, ..Buckets::default() };
    assert_eq!(deployment::buckets(&some), "3 completed, 1 rolled back, 6 waiting");
}

#[test]
fn a_fleet_without_devices_has_no_table() {
    let page = Page { paint: Paint { colour: false }, now: jiff::Timestamp::UNIX_EPOCH, zone: jiff::tz::TimeZone::UTC };
    let none = "0 devices: 0 up to date, 0 outdated, 0 in progress, 0 failed, 0 unknown";
    assert_eq!(device::fleet(&FleetSummary::default(), &page), none);
}

#[test]
fn a_cell_of_a_table_is_one_line_without_orders_to_the_terminal() {
    let page = Page { paint: Paint { colour: false }, now: jiff::Timestamp::UNIX_EPOCH, zone: jiff::tz::TimeZone::UTC };
    let shown = table(&["name"], [vec![plain("x\n10.0.0.9\u{1b}[8m hidden\u{1b}]0;t\u{7}")]], &page);
    assert_eq!(shown.lines().count(), 2, "{shown:?}");
    assert!(!shown.replace('\n', "").contains(char::is_control), "{shown:?}");
}
