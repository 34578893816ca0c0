use super::*;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

#[test]
fn a_time_is_counted_from_now() {
    for (text, hours) in [("12h", 12), ("90m", 1), ("2d", 48), ("1w", 168)] {
        let expiry = Expiry { expires_in: Some(span(text).unwrap()), expires_at: None };
        let lasts = expiry.instant(now()).unwrap().as_second() - now().as_second();
        assert_eq!(lasts / 3_600, hours, "{text}");
    }
    for text in ["", "12", "-1h", "0s", "soon"] {
        assert!(span(text).is_err(), "{text}");
    }
}

#[test]
fn a_day_ends_at_its_midnight_and_an_instant_is_itself() {
    let zone = TimeZone::system();
    let midnight = end("2027-01-31").unwrap().to_zoned(zone);
    assert_eq!(midnight.strftime("%Y-%m-%d %H:%M").to_string(), "2027-02-01 00:00");
    assert_eq!(end("2027-01-31T12:00:00Z").unwrap().to_string(), "2027-01-31T12:00:00Z");
    assert!(end("31.1.2027").is_err());
}

#[test]
fn without_a_word_it_never_ends() {
    assert_eq!(Expiry::default().instant(now()), None);
}
