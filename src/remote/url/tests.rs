use super::*;

#[test]
fn an_address_is_read_with_its_port_and_path() {
    let url: ServerUrl = "https://belay.example/fleet/".parse().unwrap();
    assert_eq!((url.host(), url.port(), url.is_tls()), ("belay.example", 443, true));
    assert_eq!(url.join("/api/v1/sync"), "https://belay.example/fleet/api/v1/sync");
    let url: ServerUrl = "http://[::1]:8080".parse().unwrap();
    assert_eq!((url.host(), url.port(), url.is_tls()), ("::1", 8080, false));
}

#[test]
fn what_is_no_address_of_a_server_is_refused() {
    for text in ["", "belay.example", "ftp://belay.example", "https://", "https://a:0", "https://a:", "https:///x"] {
        assert_eq!(text.parse::<ServerUrl>(), Err(UrlError::Malformed(text.to_owned())), "{text}");
    }
    for text in ["https://me:secret@a", "https://a/?token=1", "https://a/#x"] {
        assert_eq!(text.parse::<ServerUrl>(), Err(UrlError::TooMuch), "{text}");
    }
}

#[test]
fn only_loopback_is_spoken_to_in_clear_unless_that_is_allowed_by_name() {
    for (text, clear) in [
        ("http://127.0.0.1:8080", false),
        ("http://localhost", false),
        ("http://[::1]", false),
        ("https://belay.example", false),
        ("http://belay.example", true),
        ("http://192.168.1.5", true),
        ("http://localhost.evil.example", true),
    ] {
        let url: ServerUrl = text.parse().unwrap();
        assert_eq!(url.is_in_clear(), clear, "{text}");
        assert_eq!(url.check_plain(false).is_err(), clear, "{text}");
        assert_eq!(url.check_plain(true), Ok(()), "{text}");
    }
}
