use super::*;

fn parse(text: &str) -> Result<FileUrl, FileUrlError> {
    FileUrl::parse(text, &["cdn.example".to_owned(), "[fd00::1]".to_owned()])
}

#[test]
fn an_address_is_read_with_its_port_and_query() {
    let url = parse("https://CDN.example/a/b.tar.gz?sig=1%2F2").unwrap();
    assert_eq!((url.host(), url.port(), url.is_tls()), ("cdn.example", 443, true));
    assert_eq!(url.uri().path_and_query().unwrap().as_str(), "/a/b.tar.gz?sig=1%2F2");
    assert_eq!(url.to_string(), "https://CDN.example/a/b.tar.gz", "a query may be a secret");
    assert_eq!(parse("http://[::1]:8080/x").unwrap().port(), 8080);
}

#[test]
fn only_loopback_and_named_hosts_are_spoken_to_in_clear() {
    for text in ["http://127.0.0.1/x", "http://localhost:81/x", "http://cdn.example/x", "http://[fd00::1]/x"] {
        assert!(parse(text).is_ok(), "{text}");
    }
    for text in ["http://other.example/x", "http://cdn.example.evil/x", "http://localhost.evil/x", "http://10.0.0.1/x"]
    {
        let refused = parse(text).unwrap_err();
        assert!(matches!(refused, FileUrlError::Plain { .. }), "{text}: {refused}");
        assert!(refused.to_string().contains("bundle.plain_http"), "{refused}");
    }
}

#[test]
fn a_user_is_refused_and_not_repeated() {
    for text in ["https://me:secret@cdn.example/x", "https://me:se cret@cdn.example/x", "http://secret@cdn.example/x"] {
        let refused = parse(text).unwrap_err();
        assert_eq!(refused, FileUrlError::User("cdn.example".to_owned()), "{text}");
        assert!(!refused.to_string().contains("cret"), "{refused}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in ["", "/x", "cdn.example/x", "ftp://cdn.example/x", "file:///etc/passwd", "https://", "https://a:0/x"] {
        assert_eq!(parse(text), Err(FileUrlError::Malformed(text.to_owned())), "{text}");
    }
}

#[test]
fn a_redirect_is_resolved_and_judged_like_any_address() {
    let from = parse("https://cdn.example:444/a/b?x").unwrap();
    for (location, leads_to) in [
        ("https://other.example/c", "https://other.example/c"),
        ("//other.example/c", "https://other.example/c"),
        ("/c/d", "https://cdn.example:444/c/d"),
        ("c?d", "https://cdn.example:444/a/c"),
    ] {
        assert_eq!(from.redirected(location, &[]).unwrap().to_string(), leads_to, "{location}");
    }
    assert!(matches!(from.redirected("http://other.example/c", &[]), Err(FileUrlError::Plain { .. })));
    assert!(matches!(from.redirected("ftp://other.example/c", &[]), Err(FileUrlError::Malformed(_))));
}
