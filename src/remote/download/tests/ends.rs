//! What is left, what is uploaded, what is kept, and how a download is told to end.

use super::*;

#[test]
fn a_wish_to_stop_ends_a_stalled_download_and_keeps_what_came() {
    let bytes = bytes(LENGTH);
    let server = serving(&bytes, |habits| habits.stall = Some(100_000));
    let (device, order) = (Device::new(), order(&server, &bytes));
    let wish = Failure::new(Reason::Cancelled, "a rollback was asked for");
    let failure = std::thread::scope(|scope| {
        let downloading = scope.spawn(|| device.downloads(&order));
        let all_there = || (device.partial(&order).len() == 100_000).then_some(());
        belay_testkit::wait_until("the stall", Duration::from_secs(20), all_there);
        device.stop.send_replace(Some(wish.clone()));
        downloading.join().unwrap().unwrap_err()
    });
    assert_eq!(failure, wish);
    assert_eq!(device.left(), ["json", "part"]);
}

#[test]
fn a_download_that_is_read_again_gives_what_came_from_the_disk() {
    let bytes = bytes(LENGTH);
    let server = FlakyServer::start(bytes.clone());
    let device = Device::new();
    let mut download = device.open(&order(&server, &bytes));
    for _ in 0..3 {
        let mut half = vec![0; LENGTH / 2];
        download.read_exact(&mut half).unwrap();
        assert!(half == bytes[..LENGTH / 2]);
        download.begin_again().unwrap();
    }
    let mut all = Vec::new();
    download.read_to_end(&mut all).unwrap();
    assert!(all == bytes);
    assert!(server.served() < 2 * LENGTH as u64);
}

#[test]
fn what_was_kept_for_another_bundle_goes_when_a_new_one_begins() {
    let bytes = bytes(1000);
    let server = FlakyServer::start(bytes.clone());
    let device = Device::new();
    device.has(&order(&server, b"another"), b"anot", None);
    device.has(&order(&server, b"a third"), b"a th", None);
    assert_eq!(device.left(), ["json", "part"], "each one removes the others");
    assert!(device.downloads(&order(&server, &bytes)).unwrap() == bytes);
    assert!(device.left().is_empty());
}

#[test]
fn at_the_start_the_newest_stays() {
    let device = Device::new();
    let folder = device.settings.incoming_dir();
    crate::durable::make_private_folder(&folder).unwrap();
    for (age, name) in [(30, "a.part"), (20, "b.part"), (10, "c.part"), (9, "d.upload"), (8, "e.upload")] {
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let then = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
        file.set_modified(then).unwrap();
    }
    Downloads::new(&device.settings).tidy().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["c.part", "e.upload"]);
}

#[test]
fn an_upload_is_read_and_goes_with_the_verdict() {
    let bytes = bytes(LENGTH);
    let device = Device::new();
    let order = BundleOrder { source: BundleSource::Upload, ..order_at("", &bytes) };
    let failure = device.downloads(&order).unwrap_err();
    assert!(failure.message.contains("upload it again"), "{failure}");
    let put = |content: &[u8]| {
        let folder = device.settings.incoming_dir();
        crate::durable::make_private_folder(&folder).unwrap();
        crate::durable::write_atomic(&partial::path_of(&folder, order.sha256, "upload"), content, 0o600).unwrap();
    };
    put(&bytes);
    assert!(device.downloads(&order).unwrap() == bytes);
    assert!(device.left().is_empty());
    put(&bytes[1..]);
    assert_eq!(device.downloads(&order).unwrap_err().reason, Reason::SizeMismatch);
    assert!(device.left().is_empty());
}

#[test]
fn of_what_the_device_kept_nothing_is_read() {
    let device = Device::new();
    let mut download = device.open(&BundleOrder { source: BundleSource::Kept, ..order_at("", b"x") });
    assert_eq!(download.read(&mut [0; 8]).unwrap(), 0);
}
