use super::*;

fn connection(server: &str) -> Connection {
    Connection {
        server: Some(server.to_owned()),
        token: Some(Secret::new("secret".to_owned())),
        ..Connection::default()
    }
}

#[test]
fn a_token_does_not_cross_the_network_unencrypted() {
    for loopback in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "https://example.org"] {
        assert!(Client::new(&connection(loopback)).is_ok(), "{loopback}");
    }
    let error = Client::new(&connection("http://example.org")).unwrap_err();
    assert!(matches!(error, CtlError::Plain { .. }), "{error}");
    assert!(Client::new(&Connection { plain_http: true, ..connection("http://example.org") }).is_ok());
}

#[test]
fn what_is_missing_is_named() {
    assert!(matches!(Client::new(&Connection::default()), Err(CtlError::NoServer)));
    assert!(matches!(Client::new(&Connection { token: None, ..connection("https://a") }), Err(CtlError::NoToken)));
    assert!(matches!(Client::new(&connection("example.org")), Err(CtlError::Url { .. })));
}

#[test]
fn a_token_is_not_shown_by_accident() {
    let connection = connection("https://example.org");
    let shown = format!("{connection:?} {:?}", Client::new(&connection).unwrap());
    assert!(!shown.contains("\"secret\""), "{shown}");
}
