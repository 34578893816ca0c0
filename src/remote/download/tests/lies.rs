//! Servers that say one thing and do another, and files that change.

use super::*;

fn refused(habit: impl FnOnce(&mut Habits)) -> (Failure, FlakyServer, Device) {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, habit);
    let device = Device::new();
    let failure = device.downloads(&order(&server, &bytes)).unwrap_err();
    (failure, server, device)
}

#[test]
fn a_length_that_is_not_the_one_ordered_is_refused_before_anything_is_read() {
    for lie in [-1, 1] {
        let (failure, server, device) = refused(|habits| habits.length_lie = lie);
        let has = (LENGTH as u64).saturating_add_signed(lie);
        let expected = format!("the bundle must have 300000 bytes, and at {} it has {has}", server.url());
        assert_eq!(failure, Failure::new(Reason::SizeMismatch, expected));
        assert!(device.left().is_empty());
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn no_more_is_taken_than_was_ordered() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| habits.chunked = true);
    for ordered in [LENGTH - 1, LENGTH - 200_000] {
        let device = Device::new();
        let failure = device.downloads(&order(&server, &bytes[..ordered])).unwrap_err();
        let expected = format!("the bundle must have {ordered} bytes, and from {} come more", server.url());
        assert_eq!(failure, Failure::new(Reason::SizeMismatch, expected));
        assert!(device.left().is_empty());
    }
}

#[test]
fn a_server_that_sends_another_part_is_asked_for_all() {
    let bytes = bytes(LENGTH);
    for lie in [-1, 1, -100_000] {
        let server = serving(&bytes, |habits| {
            (habits.cut, habits.range_lie) = (Some(100_000), lie);
            habits.then(|habits| habits.cut = None);
        });
        assert!(Device::new().downloads(&order(&server, &bytes)).unwrap() == bytes, "{lie}");
        assert!(!server.requests()[2].contains("range:"), "{}", server.requests()[2]);
    }
}

#[test]
fn one_wrong_bit_is_not_kept() {
    let (failure, _server, device) = refused(|habits| habits.flip = Some(123_456));
    assert_eq!(failure.reason, Reason::DigestMismatch);
    assert!(device.left().is_empty());
}

#[test]
fn a_wrong_bit_of_an_earlier_run_is_fetched_anew() {
    let bytes = bytes(LENGTH);
    let server = FlakyServer::start(bytes.clone());
    let (device, order) = (Device::new(), order(&server, &bytes));
    let mut wrong = bytes[..100_000].to_vec();
    wrong[5] ^= 1;
    device.has(&order, &wrong, Some("\"one\""));
    assert!(device.downloads(&order).unwrap() == bytes);
    assert_eq!(server.served(), 2 * LENGTH as u64 - 100_000);
}

/// What it was before it changed, and when.
fn changes(after: impl FnOnce(&mut Habits) + Send + 'static) -> (FlakyServer, BundleOrder, Vec<u8>) {
    let (new, mut old) = (bytes(LENGTH), bytes(LENGTH));
    old[50_000] ^= 1;
    let server = serving(&old, |habits| habits.cut = Some(100_000));
    let file = Served::Bytes(new.clone().into());
    server.change(|habits| {
        habits.then(move |habits| {
            (habits.cut, habits.file) = (None, file);
            after(habits);
        });
    });
    let order = order(&server, &new);
    (server, order, new)
}

#[test]
fn a_file_that_changes_on_the_way_is_fetched_anew() {
    type Habit = fn(&mut Habits);
    for (habit, how) in [
        ((|habits| habits.etag = Some("\"two\"".to_owned())) as Habit, "its tag says so"),
        (
            |habits| (habits.etag, habits.if_range) = (Some("\"two\"".to_owned()), false),
            "the range is sent all the same",
        ),
        (|habits| habits.ranges = false, "its bytes say so"),
        (|_| (), "its digest says so at the end"),
    ] {
        let (server, order, new) = changes(habit);
        let device = Device::new();
        match device.downloads(&order) {
            Ok(got) => assert!(got == new, "{how}"),
            // Nothing tells before the end, and it all came in one run: the next one begins with nothing.
            Err(failure) => {
                assert_eq!((failure.reason, how), (Reason::DigestMismatch, "its digest says so at the end"))
            }
        }
        assert!(device.left().is_empty(), "{how}");
        assert!(device.downloads(&order).unwrap() == new, "{how}: {:?}", server.requests());
    }
}

#[test]
fn a_file_that_is_shorter_now_is_fetched_anew_once() {
    let bytes = bytes(LENGTH);
    let server = FlakyServer::start(bytes[..1000].to_vec());
    let (device, order) = (Device::new(), order(&server, &bytes));
    device.has(&order, &bytes[..100_000], Some("\"one\""));
    let failure = device.downloads(&order).unwrap_err();
    assert_eq!(failure.reason, Reason::SizeMismatch, "{failure}");
    assert_eq!(server.requests().len(), 2);
    assert!(device.left().is_empty());
}
