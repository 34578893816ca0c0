use super::*;

#[test]
fn calls_keep_their_order_and_repeated_ones_are_folded() {
    let mut recorded = Recorded::default();
    for unit in ["a", "a", "b", "a"] {
        recorded.take(Event::Called(call("restart", unit)));
    }
    assert_eq!(recorded.calls, [call("restart", "a"), call("restart", "b"), call("restart", "a")]);
}

#[test]
fn a_refusal_is_noted_once() {
    let mut recorded = Recorded::default();
    for _ in 0..3 {
        recorded.take(Event::Refused("poweroff".to_owned()));
    }
    assert_eq!(recorded.notes, ["the script called `poweroff`, which was refused"]);
}

#[test]
fn a_restart_of_the_device_can_be_taken_back() {
    let mut recorded = Recorded::default();
    recorded.take(Event::Reboot("shutdown -r +5".to_owned()));
    assert_eq!(recorded.reboot.as_deref(), Some("shutdown -r +5"));
    recorded.take(Event::NoReboot);
    assert_eq!(recorded.reboot, None);
}

#[test]
fn who_asks_after_a_unit_that_is_still_to_be_changed_is_told_of() {
    let mut recorded = Recorded::default();
    recorded.take(asked("is-active", "app"));
    recorded.take(Event::Called(call("restart", "app")));
    recorded.take(asked("is-active", "other"));
    recorded.take(asked("list-units", "app"));
    assert_eq!(recorded.notes, [""; 0]);
    recorded.take(asked("status", "app.service"));
    assert!(recorded.notes[0].starts_with("the script asked how app.service is after it had changed it"));
}

#[test]
fn a_script_that_never_ends_calling_fills_no_memory() {
    let mut recorded = Recorded::default();
    for number in 0..2 * MOST {
        recorded.take(Event::Called(call("start", &format!("u{number}"))));
        recorded.take(Event::Refused(format!("kill {number}")));
    }
    assert_eq!((recorded.calls.len(), recorded.notes.len()), (MOST, MOST_NOTES));
}

fn call(verb: &str, unit: &str) -> ServiceCall {
    ServiceCall { verb: verb.to_owned(), units: vec![unit.to_owned()] }
}

fn asked(verb: &'static str, name: &str) -> Event {
    Event::Asked(Query { verb, options: Vec::new(), names: vec![name.to_owned()] })
}
