use super::*;

fn target(server: &str) -> Target {
    Target { server: server.to_owned(), token: Secret::new("sesame".to_owned()), ca_file: None, plain_http: false }
}

#[test]
fn a_token_does_not_cross_the_network_unencrypted() {
    for loopback in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "https://example.org"] {
        assert!(Client::new(&target(loopback)).is_ok(), "{loopback}");
    }
    let error = Client::new(&target("http://example.org")).unwrap_err();
    assert!(matches!(error, CtlError::Plain { .. }), "{error}");
    assert!(Client::new(&Target { plain_http: true, ..target("http://example.org") }).is_ok());
}

#[test]
fn what_is_no_address_is_named() {
    assert!(matches!(Client::new(&target("example.org")), Err(CtlError::Url { .. })));
}

#[test]
fn a_token_is_not_shown_by_accident() {
    let target = target("https://example.org");
    let shown = format!("{target:?} {:?}", Client::new(&target).unwrap());
    assert!(!shown.contains("sesame"), "{shown}");
}
