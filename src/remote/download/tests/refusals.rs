//! Where nothing is fetched from, and what is never sent there.

use belay_testkit::ScriptedServer;
use belay_testkit::scripted::Reply;

use super::*;
use crate::identity::{Identity, IdentityStore};

fn refused(url: &str) -> Failure {
    Device::new().downloads(&order_at(url, b"x")).unwrap_err()
}

#[test]
fn off_loopback_only_https_is_spoken() {
    let failure = refused("http://cdn.example/demo.tar.gz?sig=secret");
    let expected = "http://cdn.example/demo.tar.gz is not encrypted: whoever stands in between could change what comes; use \
                    https://, or name \"cdn.example\" in bundle.plain_http";
    assert_eq!(failure, Failure::new(Reason::BadUrl, expected));
}

#[test]
fn a_host_that_is_named_is_spoken_to_in_clear() {
    let proxy = ScriptedServer::start(|_| Reply::Raw(b"HTTP/1.1 200 x\r\ncontent-length: 1\r\n\r\nx".to_vec()));
    let mut device = Device::new();
    device.settings.bundle.plain_http = vec!["cdn.example".to_owned()];
    device.settings.server.proxy = Proxy::Through(proxy.url());
    assert_eq!(device.downloads(&order_at("http://cdn.example/x", b"x")).unwrap(), b"x");
    assert_eq!(proxy.received()[0].line(), "GET http://cdn.example/x");
}

#[test]
fn what_is_no_address_is_refused() {
    for url in ["ftp://cdn.example/x", "demo.tar.gz", "https://me:secret@cdn.example/x"] {
        let failure = refused(url);
        assert_eq!(failure.reason, Reason::BadUrl, "{url}");
        assert!(!failure.message.contains("secret"), "{failure}");
    }
}

#[test]
fn a_refusal_is_told_at_once() {
    for (status, why) in
        [(404, "it answered 404: it has no such file"), (403, "it answered 403: this device may not have it")]
    {
        let server = serving(b"x", |habits| habits.refusal = Some((status, Vec::new())));
        let failure = Device::new().downloads(&order(&server, b"x")).unwrap_err();
        let expected = format!("the bundle could not be fetched from {}: {why}", server.url());
        assert_eq!(failure, Failure::new(Reason::FetchFailed, expected));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_redirect_is_followed_and_judged_like_any_address() {
    let bytes = bytes(1000);
    let there = FlakyServer::start(bytes.clone());
    let location = |url: &str| Some((302, vec![format!("Location: {url}")]));
    let here = serving(&bytes, |habits| habits.refusal = location(&there.url()));
    assert!(Device::new().downloads(&order(&here, &bytes)).unwrap() == bytes);
    here.change(|habits| habits.refusal = location("http://cdn.example/x"));
    let failure = Device::new().downloads(&order(&here, &bytes)).unwrap_err();
    assert_eq!(failure.reason, Reason::BadUrl);
    assert!(failure.message.contains("leads elsewhere: http://cdn.example/x is not encrypted"), "{failure}");
    here.change(|habits| habits.refusal = location(&here.url()));
    let asked = here.requests().len();
    let failure = Device::new().downloads(&order(&here, &bytes)).unwrap_err();
    assert!(failure.message.ends_with("more than 5 times"), "{failure}");
    assert_eq!(here.requests().len() - asked, 6);
}

fn enrolled(url: &str) -> Device {
    let device = Device::new();
    let folder = device.settings.daemon_dir();
    crate::durable::make_private_folder(&folder).unwrap();
    let (mut store, _) = IdentityStore::open(&folder).unwrap();
    let (server, name) = (url.parse().unwrap(), "d-1".parse().unwrap());
    store.enrolled(Identity { server, device: name, key: "the-key".to_owned(), ca_pem: None }).unwrap();
    device
}

#[test]
fn the_key_is_shown_to_the_server_and_to_nobody_else() {
    let bytes = bytes(1000);
    let server = FlakyServer::start(bytes.clone());
    let device = enrolled(&format!("http://{}", server.address()));
    let from_server = BundleOrder { source: BundleSource::Server, ..order(&server, &bytes) };
    assert!(device.downloads(&from_server).unwrap() == bytes);
    assert!(device.downloads(&order(&server, &bytes)).unwrap() == bytes);
    let requests = server.requests();
    assert!(requests[0].starts_with(&format!("GET /api/v1/artifacts/{} HTTP/1.1\r\n", from_server.sha256)));
    assert!(requests[0].contains("authorization: Bearer the-key"), "{}", requests[0]);
    assert!(!requests[1].contains("authorization"), "an address is anybody's: {}", requests[1]);
    let other = FlakyServer::start(bytes);
    server.change(|habits| habits.refusal = Some((302, vec![format!("Location: {}", other.url())])));
    let failure = device.downloads(&from_server).unwrap_err();
    assert!(failure.message.ends_with("it answered 302, and this device's key goes nowhere else"), "{failure}");
    assert!(other.requests().is_empty());
}

#[test]
fn a_device_without_a_server_is_told_to_enrol() {
    let order = BundleOrder { source: BundleSource::Server, ..order_at("http://localhost/x", b"x") };
    let failure = Device::new().downloads(&order).unwrap_err();
    assert_eq!(failure.reason, Reason::FetchFailed);
    assert!(failure.message.contains("belay-agent enrol"), "{failure}");
}

#[test]
fn a_bundle_that_does_not_fit_is_refused_with_figures_before_it_is_fetched() {
    let server = FlakyServer::start(b"x".to_vec());
    let mut device = Device::new();
    device.settings.rules.guard.reserve_bytes = 1 << 60;
    let failure = device.downloads(&order(&server, b"x")).unwrap_err();
    assert_eq!(failure.reason, Reason::NoSpace);
    for part in ["MB free", "1 to download", "1099511627776 in reserve", "free 1099"] {
        assert!(failure.message.contains(part), "{failure}");
    }
    assert!(server.requests().is_empty());
}
