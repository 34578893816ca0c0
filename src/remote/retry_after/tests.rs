use super::*;

fn wait(value: &str) -> Option<u64> {
    let now = "2026-11-20T08:00:00Z".parse().unwrap();
    parse(value, now).map(|wait| wait.as_secs())
}

#[test]
fn seconds_are_taken_within_limits() {
    for (value, seconds) in [("120", 120), (" 7 ", 7), ("0", 1), ("86400", 3600), ("99999999999999999999999", 3600)] {
        assert_eq!(wait(value), Some(seconds), "{value}");
    }
}

#[test]
fn a_date_is_compared_with_the_clock() {
    assert_eq!(wait("Fri, 20 Nov 2026 08:01:30 GMT"), Some(90));
    assert_eq!(wait("Fri, 20 Nov 2026 07:00:00 GMT"), Some(1), "it is past");
    assert_eq!(wait("Fri, 20 Nov 2099 08:00:00 GMT"), Some(3600));
}

#[test]
fn what_cannot_be_read_is_as_if_it_were_not_there() {
    for value in ["", "soon", "-5", "1.5", "Fri, 20 Nov 2026"] {
        assert_eq!(wait(value), None, "{value:?}");
    }
}
