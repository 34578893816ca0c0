//! Publishing a large bundle over a wire that is cut, by a process that is killed, to a server that dies or is full.

mod disk;
mod download;
mod wire;

use std::path::PathBuf;

use belay_testkit::{Bundle, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{Fleet, Operator, PATIENCE, Ran};
use wire::{Trouble, Way, Wire};

#[test]
fn a_publish_goes_on_by_itself_after_a_cut() {
    let world = World::new();
    world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Cut);
    let ran = world.publish();
    ran.exits(0).complains(&["does not answer", "trying again for 2 minutes"]);
    let sent = world.wire.take(Way::Up);
    assert!(sent < world.size() + PIECE + HEADS, "of {} bytes it sent {sent}", world.size());
    world.is_published();
}

#[test]
fn a_publish_that_was_killed_is_gone_on_with_where_it_was() {
    let world = World::new();
    world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Hold);
    let mut running = world.operator.start(&world.words());
    world.wire.wait_for_trouble();
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().code, None);
    world.goes_on(2);
}

#[test]
fn a_publish_whose_wire_stays_cut_is_gone_on_with_later() {
    let world = World::new();
    world.wire.trouble_at(Way::Up, 28 * MIB, Trouble::CutForGood);
    let mut running = world.operator.start(&world.words());
    wait_until("it notices", PATIENCE, || running.so_far().1.contains("trying again").then_some(()));
    assert!(running.ended().is_none(), "it does not give up so soon");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code, None);
    world.goes_on(3);
}

#[test]
fn whoever_looks_on_sees_a_bar_that_starts_at_what_is_there() {
    let world = World::new();
    world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Hold);
    let mut running = world.operator.start(&world.words());
    world.wire.wait_for_trouble();
    running.signal(Signal::SIGKILL);
    running.wait();
    world.wire.renew();
    let ran = world.operator.run_on_a_terminal(&world.words());
    ran.exits(0).says(&["resumed at 16.8 MB: so much of it is on the server", "sending [", " 16.78 MB/"]);
    let frames: Vec<_> = ran.stdout.split("sending [").skip(1).collect();
    assert!(frames.iter().all(|frame| frame.starts_with("====")), "none is empty: {ran}");
}

#[test]
fn what_is_there_already_is_not_sent_again() {
    let world = World::new();
    world.publish().exits(0);
    assert!(world.wire.take(Way::Up) > world.size());
    let ran = world.publish();
    ran.exits(0);
    assert!(!ran.stderr.contains("resumed"), "{ran}");
    let sent = world.wire.take(Way::Up);
    assert!(sent < HEADS, "{sent} bytes were sent for nothing");
    world.is_published();
    // Another version with the same archive costs no more.
    let words = world.words().map(|word| if word == "1.0" { "1.1" } else { word });
    world.operator.run(&words).exits(0);
    assert!(world.wire.take(Way::Up) < HEADS);
}

#[test]
fn the_same_published_twice_at_once_is_published_once() {
    let world = World::new();
    let both = [world.operator.start(&world.words()), world.operator.start(&world.words())];
    for running in both {
        running.wait().exits(0);
    }
    world.is_published();
    let releases = world.fleet.ask("GET", "/api/v1/releases", &Value::Null);
    assert_eq!(releases["total"], 1, "{releases:#}");
}

#[test]
fn a_token_that_is_not_enough_sends_nothing() {
    let world = World::new();
    let viewer = world.fleet.server().token("viewer", "updates:view");
    for (token, sentence) in
        [("belay_op_nobody_knows_this", "show a valid token"), (viewer.as_str(), "updates:publish")]
    {
        world.wire.take(Way::Up);
        let operator = world.operator_with(token);
        let ran = operator.run(&world.words());
        ran.exits(2).complains(&[sentence]);
        assert!(!ran.stderr.contains("reset"), "{ran}");
        assert!(world.wire.take(Way::Up) < HEADS, "the archive stays here");
        assert_eq!(world.artifacts(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_token_that_is_revoked_in_the_middle_is_told_as_that() {
    let world = World::new();
    let token = world.fleet.server().token("ci", "updates:publish");
    let operator = world.operator_with(&token);
    world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Hold);
    let running = operator.start(&world.words());
    world.wire.wait_for_trouble();
    let tokens = world.fleet.ask("GET", "/api/v1/tokens", &Value::Null);
    let own = tokens["items"].as_array().unwrap().iter().find(|token| token["name"] == "ci").unwrap();
    world.fleet.ask("DELETE", &format!("/api/v1/tokens/{}", own["id"].as_str().unwrap()), &Value::Null);
    world.wire.mend();
    let ran = running.wait();
    ran.exits(2).complains(&["this token was revoked", "run the same again"]);
    assert!(!ran.stderr.contains("reset"), "{ran}");
    let releases = world.fleet.ask("GET", "/api/v1/releases", &Value::Null);
    assert_eq!(releases["total"], 0, "{releases:#}");
}

#[test]
fn a_server_that_dies_in_the_middle_is_waited_for() {
    let mut world = World::new();
    world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Hold);
    let running = world.operator.start(&world.words());
    world.wire.wait_for_trouble();
    let launch = world.fleet.kill();
    world.wire.mend();
    wait_until("it notices", PATIENCE, || running.so_far().1.contains("trying again").then_some(()));
    world.fleet.revive(launch);
    running.wait().exits(0);
    let sent = world.wire.take(Way::Up);
    assert!(sent < world.size() + 2 * PIECE, "of {} bytes it sent {sent}", world.size());
    world.is_published();
}

#[test]
fn an_archive_that_changes_while_it_is_sent_is_not_published() {
    let world = World::new();
    world.wire.trouble_at(Way::Up, 12 * MIB, Trouble::Hold);
    let running = world.operator.start(&world.words());
    world.wire.wait_for_trouble();
    let mut bytes = std::fs::read(&world.archive).unwrap();
    bytes[usize::try_from(3 * PIECE).unwrap()] ^= 1;
    world.operator.write("update.tar.gz", bytes);
    world.wire.mend();
    running.wait().exits(1).complains(&["update.tar.gz", "changed it while it was being sent", "Publish it again"]);
    let releases = world.fleet.ask("GET", "/api/v1/releases", &Value::Null);
    assert_eq!(releases["total"], 0, "{releases:#}");
}

/// A server, a wire to it, and somebody with a bundle of five pieces.
struct World {
    fleet: Fleet,
    wire: Wire,
    operator: Operator,
    archive: PathBuf,
}

impl World {
    fn new() -> Self {
        Self::with(Fleet::start(), 36 * MIB)
    }

    fn with(fleet: Fleet, size: u64) -> Self {
        let address = fleet.url().trim_start_matches("http://").parse().expect("an address");
        let wire = Wire::to(address);
        let operator = Operator::new().env("BELAY_SERVER", &wire.url()).env("BELAY_TOKEN", fleet.token());
        let archive = operator.write("update.tar.gz", bundle(size));
        Self { fleet, wire, operator, archive }
    }

    /// Somebody else, who has the same archive.
    fn operator_with(&self, token: &str) -> Operator {
        Operator::new().env("BELAY_SERVER", &self.wire.url()).env("BELAY_TOKEN", token)
    }

    fn words(&self) -> [&str; 9] {
        let archive = self.archive.to_str().expect("a path of ours is text");
        let name = ["--device-type", "debian", "--distribution", "stable", "--version", "1.0"];
        let [kind, debian, ring, stable, version, number] = name;
        ["release", "publish", archive, kind, debian, ring, stable, version, number]
    }

    fn publish(&self) -> Ran {
        self.operator.run(&self.words())
    }

    fn size(&self) -> u64 {
        std::fs::metadata(&self.archive).expect("it was written").len()
    }

    /// Publishes once more over a good wire, where so many pieces are there: they are not sent again.
    #[track_caller]
    fn goes_on(&self, pieces: u64) {
        self.wire.renew();
        self.wire.take(Way::Up);
        let ran = self.publish();
        let megabytes = format!("resumed at {:.1} MB", (pieces * PIECE) as f64 / 1e6);
        ran.exits(0).complains(&[&megabytes]);
        let (sent, left) = (self.wire.take(Way::Up), self.size() - pieces * PIECE);
        assert!((left..left + HEADS).contains(&sent), "{left} bytes were left and {sent} were sent");
        self.is_published();
    }

    /// The release is there, and its archive is all that the server keeps.
    #[track_caller]
    fn is_published(&self) {
        let found = self.operator.json(&[
            "release",
            "verify",
            "--device-type",
            "debian",
            "--distribution",
            "stable",
            "--version",
            "1.0",
        ]);
        assert_eq!(
            (&found["sha256_match"], &found["size"]),
            (&Value::from(true), &Value::from(self.size())),
            "{found:#}"
        );
        wait_until("the pieces to be gone", PATIENCE, || (self.artifacts().len() == 1).then_some(()));
    }

    /// Every file that the server keeps of artifacts, whole or not.
    fn artifacts(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.fleet.folder().join("state/artifacts")]);
        while let Some(folder) = folders.pop() {
            // A folder may go while it is looked at.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let list = if entry.path().is_dir() { &mut folders } else { &mut found };
                list.push(entry.path());
            }
        }
        found
    }
}

/// A bundle of about so many bytes that no compression makes fewer.
fn bundle(size: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let noise: Vec<u8> = words.take(usize::try_from(size / 8).expect("it fits")).flatten().collect();
    Bundle::new("true").file("noise", 0o644, noise).gzip()
}

const MIB: u64 = 1024 * 1024;
/// What is sent as one piece.
const PIECE: u64 = 8 * MIB;
/// More than all heads of requests and the bodies of small ones.
const HEADS: u64 = 64 * 1024;
