//! Connections that break, and runs that end: nothing comes twice, nothing is lost.

use super::*;

/// What may come twice: what was sent and not read when a connection was cut.
const SLACK: u64 = 1024;

#[test]
fn an_undisturbed_download_is_one_request_without_a_range() {
    let bytes = bytes(LENGTH);
    let server = FlakyServer::start(bytes.clone());
    let device = Device::new();
    assert!(device.downloads(&order(&server, &bytes)).unwrap() == bytes);
    let expected = format!("GET /demo.tar.gz HTTP/1.1\r\nhost: {}\r\naccept-encoding: identity", server.address());
    assert_eq!(server.requests(), [expected]);
    assert!(device.left().is_empty());
}

#[test]
fn a_cut_at_every_tenth_is_gone_on_from() {
    let bytes = bytes(LENGTH);
    for tenth in 1..10 {
        let cut = (LENGTH as u64) * tenth / 10;
        let server = serving(&bytes, |habits| {
            habits.cut = Some(cut);
            habits.then(|habits| habits.cut = None);
        });
        assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes, "cut at {cut}");
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests[1].contains(&format!("range: bytes={cut}-\r\nif-range: \"one\"")), "{}", requests[1]);
        assert!(server.served() <= LENGTH as u64 + SLACK, "{} bytes at {cut}", server.served());
    }
}

#[test]
fn every_connection_may_be_cut() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| habits.cut = Some(LENGTH as u64 / 10));
    assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert_eq!((server.requests().len(), server.served()), (10, LENGTH as u64));
}

#[test]
fn every_tenth_may_be_another_run() {
    let bytes = bytes(LENGTH);
    let server = FlakyServer::start(bytes.clone());
    let (device, order) = (Device::new(), order(&server, &bytes));
    for tenth in 1..10 {
        let upto = LENGTH as u64 * tenth / 10;
        server.change(|habits| habits.stall = Some(LENGTH as u64 / 10));
        let mut download = device.open(&order);
        let mut some = vec![0; usize::try_from(upto).unwrap()];
        download.read_exact(&mut some).unwrap();
        assert!(some == bytes[..some.len()]);
    }
    server.change(|habits| habits.stall = None);
    assert!(device.downloads(&order).unwrap() == bytes);
    assert!(server.served() <= LENGTH as u64 + SLACK, "{} bytes", server.served());
}

#[test]
fn a_proxy_that_truncates_is_asked_for_the_rest() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| {
        habits.cut = Some(1000);
        habits.then(|habits| (habits.cut, habits.truncate) = (None, Some(50_000)));
    });
    assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert_eq!(server.served(), LENGTH as u64);
}

#[test]
fn without_ranges_what_is_here_is_skipped_and_compared() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| {
        (habits.ranges, habits.cut) = (false, Some(100_000));
        habits.then(|habits| habits.cut = None);
    });
    assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert_eq!(server.served(), LENGTH as u64 + 100_000);
}

#[test]
fn a_stall_is_given_up_and_gone_on_from() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| {
        habits.stall = Some(100_000);
        habits.then(|habits| habits.stall = None);
    });
    let mut device = Device::new();
    device.settings.bundle.stall = Duration::from_millis(300);
    assert!(device.downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert_eq!((server.requests().len(), server.served()), (2, LENGTH as u64));
}

#[test]
fn when_connections_bring_nothing_it_fails_and_keeps_what_came() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| {
        habits.cut = Some(100_000);
        habits.then(|habits| habits.cut = Some(0));
    });
    let (device, order) = (Device::new(), order(&server, &bytes));
    let failure = device.downloads(&order).unwrap_err();
    assert_eq!(failure.reason, Reason::FetchFailed);
    let expected = format!("the bundle could not be fetched from {}: ", server.url());
    assert!(failure.message.starts_with(&expected), "{failure}");
    let expected = "; 4 connections in a row brought nothing; 100000 of 300000 bytes are kept, and fetching goes on from \
                    there when it is asked for again";
    assert!(failure.message.ends_with(expected), "{failure}");
    assert_eq!(server.requests().len(), 5);
    assert!(device.partial(&order) == bytes[..100_000]);
    server.change(|habits| habits.cut = None);
    assert!(device.downloads(&order).unwrap() == bytes);
    assert_eq!(server.served(), LENGTH as u64);
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let bytes = bytes(1000);
    let server = serving(&bytes, |habits| {
        habits.refusal = Some((503, vec!["Retry-After: 1".to_owned()]));
        habits.then(|habits| habits.refusal = None);
    });
    let begun = crate::clock::monotonic();
    assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_download_of_unknown_size_ends_with_its_answer() {
    let bytes = bytes(LENGTH);
    for chunked in [false, true] {
        let server = serving(&bytes, |habits| {
            (habits.chunked, habits.cut) = (chunked, Some(100_000));
            habits.then(|habits| habits.cut = None);
        });
        let order = of_unknown_size(order(&server, &bytes));
        assert!(Device::new().downloads(&order).unwrap() == bytes, "chunked: {chunked}");
        assert_eq!(server.served(), LENGTH as u64);
    }
}
