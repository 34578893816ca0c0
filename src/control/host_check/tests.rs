use axum::http::Request;

use super::*;

fn head(headers: &[(&str, &str)]) -> Parts {
    let builder = headers.iter().fold(Request::get("/"), |builder, (name, value)| builder.header(*name, *value));
    builder.body(()).unwrap().into_parts().0
}

#[test]
fn a_host_is_ours_by_address_by_loopback_or_by_name() {
    let names = Names { addresses: vec!["10.0.0.1".parse().unwrap()], names: vec!["pi.example".into()] };
    let local: IpAddr = "::ffff:192.168.1.17".parse().unwrap();
    for ours in ["localhost", "127.0.0.9:1", "[::1]", "192.168.1.17:5000", "10.0.0.1", "pi.example:5000", "PI.example."]
    {
        assert_eq!(names.check_host(&head(&[("host", ours)]), local), Ok(()), "{ours}");
    }
    for foreign in
        ["evil.example", "192.168.1.18", "10.0.0.10", "pi.example.evil.example", "[::2]", "a b", "pi.example@evil"]
    {
        assert!(names.check_host(&head(&[("host", foreign)]), local).is_err(), "{foreign}");
    }
    assert!(names.check_host(&head(&[("host", "localhost"), ("host", "localhost")]), local).is_err(), "two hosts");
}

#[test]
fn an_origin_must_be_the_host_that_was_called() {
    let check = |origin: &str, host: &str| check_origin(&head(&[("host", host), ("origin", origin)]));
    assert_eq!(check("http://pi.example:5000", "PI.example:5000"), Ok(()));
    assert_eq!(check("http://pi.example", "pi.example:80"), Ok(()));
    assert!(check("http://pi.example:8080", "pi.example:5000").is_err());
    assert!(check("http://", "").is_err());
    assert!(check("null", "null").is_err());
    assert!(check_origin(&head(&[("origin", "http://pi.example")])).is_err());
    let two = [("host", "pi.example"), ("origin", "http://pi.example"), ("origin", "http://evil.example")];
    assert!(check_origin(&head(&two)).is_err());
    assert_eq!(check_origin(&head(&[])), Ok(()));
}
