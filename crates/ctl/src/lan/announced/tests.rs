use super::*;

#[test]
fn a_name_is_what_stands_before_the_service() {
    assert_eq!(instance("kitchen._belay._tcp.local."), "kitchen");
    assert_eq!(instance("Pi of the kitchen._belay._tcp.local."), "Pi of the kitchen");
    assert_eq!(instance("kitchen.2nd._Belay._TCP.local."), "kitchen.2nd");
    assert_eq!(instance("something else"), "something else");
}

#[test]
fn a_name_that_runs_into_the_service_is_not_cut_inside_a_letter() {
    assert_eq!(instance("x.é_belay._tcp.local."), "x.é");
    assert_eq!(instance("_belay._tcp.local."), "");
    assert_eq!(instance("\u{130}._belay._tcp.local."), "\u{130}");
}
