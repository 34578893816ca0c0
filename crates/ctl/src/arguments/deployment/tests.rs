use super::*;

#[test]
fn a_share_may_have_its_sign() {
    for (text, share) in
        [("5%", Some(5)), ("5", Some(5)), ("0 %", Some(0)), ("100", Some(100)), ("101", None), ("", None)]
    {
        assert_eq!(percent(text).ok(), share, "{text}");
    }
}

#[test]
fn a_beginning_is_an_instant_or_a_time_of_here() {
    assert_eq!(instant("2027-01-31T02:00:00Z").unwrap().to_string(), "2027-01-31T02:00:00Z");
    let here = instant("2027-01-31T02:00").unwrap().to_zoned(TimeZone::system());
    assert_eq!(here.strftime("%Y-%m-%d %H:%M").to_string(), "2027-01-31 02:00");
    assert!(instant("tonight").is_err());
}
