//! The way back: an archive that is fetched over a wire that is cut, by a process that is killed.

use std::fs;

use nix::sys::signal::Signal;

use super::wire::{Trouble, Way};
use super::{HEADS, MIB, World};

#[test]
fn a_download_goes_on_by_itself_after_a_cut() {
    let world = published();
    world.wire.trouble_at(Way::Down, 20 * MIB, Trouble::Cut);
    let ran = world.operator.run(&WORDS);
    ran.exits(0).complains(&["does not answer", "trying again"]);
    // What was under way between the two when it was cut is fetched again.
    let got = world.wire.take(Way::Down);
    assert!(got < world.size() + MIB, "of {} bytes it got {got}", world.size());
    is_whole(&world);
}

#[test]
fn a_download_that_was_killed_is_gone_on_with_where_it_was() {
    let world = published();
    world.wire.trouble_at(Way::Down, 20 * MIB, Trouble::Hold);
    let mut running = world.operator.start(&WORDS);
    world.wire.wait_for_trouble();
    let part = world.operator.path("got.tar.gz.part");
    belay_testkit::wait_until("what passed to be written", super::PATIENCE, || {
        fs::metadata(&part).is_ok_and(|part| part.len() > 19 * MIB).then_some(())
    });
    let again = world.operator.run(&WORDS);
    again.exits(1).complains(&["another belayctl is fetching into it"]);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().code, None);
    world.wire.renew();
    world.wire.take(Way::Down);
    let left = world.size() - fs::metadata(&part).unwrap().len();
    world.operator.run(&WORDS).exits(0).complains(&["resumed at"]);
    let got = world.wire.take(Way::Down);
    assert!((left..left + HEADS).contains(&got), "{left} bytes were left and {got} came");
    is_whole(&world);
}

#[test]
fn what_lies_there_of_another_archive_does_no_harm() {
    let world = published();
    for (length, fetched_again) in [(3 * MIB, true), (world.size(), true), (world.size() + 1, false)] {
        world.operator.write("got.tar.gz.part", vec![7; usize::try_from(length).unwrap()]);
        let ran = world.operator.run(&WORDS);
        ran.exits(0);
        assert_eq!(ran.stderr.contains("does not belong to it"), fetched_again, "{ran}");
        is_whole(&world);
    }
}

fn published() -> World {
    let world = World::new();
    world.publish().exits(0);
    world
}

#[track_caller]
fn is_whole(world: &World) {
    let got = fs::read(world.operator.path("got.tar.gz")).unwrap();
    assert!(got == fs::read(&world.archive).unwrap(), "it is another");
    assert!(!world.operator.path("got.tar.gz.part").exists());
    fs::remove_file(world.operator.path("got.tar.gz")).unwrap();
}

const WORDS: [&str; 10] = [
    "release",
    "download",
    "--device-type",
    "debian",
    "--distribution",
    "stable",
    "--version",
    "1.0",
    "--file",
    "got.tar.gz",
];
