//! A server whose disk is full: a small file system of the test's own.

use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;

use belay_testkit::command::{command, ordinary_user, succeed};
use belay_testkit::ownership::{base_dir, hand_over, temp_dir_in};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::super::support::{Fleet, skipped};
use super::wire::{Trouble, Way};
use super::{HEADS, MIB, PIECE, World};

#[test]
fn what_cannot_fit_on_the_servers_disk_is_refused_before_it_is_sent() {
    with_own_mounts("what_cannot_fit_on_the_servers_disk_is_refused_before_it_is_sent", || {
        let disk = Disk::new(24 * MIB);
        let world = World::with(disk.fleet(), 36 * MIB);
        world.publish().exits(2).complains(&["no room", "larger disk", "disk_full"]);
        assert!(world.wire.take(Way::Up) < HEADS);
        assert_eq!(disk.files(), 0);
    });
}

#[test]
fn a_disk_that_fills_in_the_middle_is_told_and_what_is_left_goes_on_when_there_is_room() {
    with_own_mounts("a_disk_that_fills_in_the_middle_is_told_and_what_is_left_goes_on_when_there_is_room", || {
        // Room for the archive and the piece that is put in, not for it twice.
        let disk = Disk::new(64 * MIB);
        let world = World::with(disk.fleet(), 36 * MIB);
        world.wire.trouble_at(Way::Up, 20 * MIB, Trouble::Hold);
        let running = world.operator.start(&world.words());
        world.wire.wait_for_trouble();
        let filler = disk.path().join("filler");
        disk.fill(&filler);
        world.wire.mend();
        let ran = running.wait();
        ran.exits(2).complains(&["no room", "larger disk", "disk_full", "run the same again"]);
        assert!(!ran.stderr.contains("reset"), "{ran}");
        assert_eq!(world.fleet.server().endpoint().get("/healthz").status, 200, "the server goes on");
        assert!(world.operator.run(&["release", "list"]).exits(0).stdout.contains("nothing is published"));
        world.publish().exits(2).complains(&["disk_full"]);
        std::fs::remove_file(filler).unwrap();
        world.wire.take(Way::Up);
        world.publish().exits(0).complains(&["resumed at"]);
        let sent = world.wire.take(Way::Up);
        assert!(sent < world.size() - PIECE, "of {} bytes it sent {sent}", world.size());
        assert_eq!(world.operator.json(&["release", "list"]).as_array().unwrap().len(), 1);
        belay_testkit::wait_until("the pieces to be gone", super::PATIENCE, || (disk.files() == 1).then_some(()));
    });
}

/// A small file system that only this process and its children see.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new(size: u64) -> Self {
        let folder = temp_dir_in(&base_dir(), "belayctl-disk-");
        let options = format!("size={size},mode=0755");
        mount(Some("belay"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).unwrap();
        hand_over(folder.path());
        Self { folder }
    }

    /// A server that keeps its artifacts there.
    fn fleet(&self) -> Fleet {
        Fleet::with(&format!("[artifacts]\nstore = {:?}", self.path()))
    }

    fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Leaves no room but for a little. What is under way may still take some meanwhile.
    fn fill(&self, filler: &std::path::Path) {
        let mut file = std::fs::File::create(filler).unwrap();
        loop {
            let there = nix::sys::statvfs::statvfs(self.path()).unwrap();
            let room = (there.blocks_available() * there.fragment_size()).saturating_sub(MIB / 2).min(MIB);
            let written = file.write_all(&vec![0; usize::try_from(room).unwrap()]);
            if room == 0 || written.is_err_and(|error| error.kind() == ErrorKind::StorageFull) {
                break;
            }
        }
    }

    /// How many files artifacts take.
    fn files(&self) -> usize {
        let (mut count, mut folders) = (0, vec![self.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() { folders.push(entry.path()) } else { count += 1 }
            }
        }
        count
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
    }
}

/// Runs the test of that name again, alone in a mount namespace, and its body there.
fn with_own_mounts(name: &str, body: impl FnOnce()) {
    const INSIDE: &str = "BELAY_OWN_MOUNTS";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    if ordinary_user().is_none() {
        return skipped("needs root");
    }
    let name = format!("publish::disk::{name}");
    let mut unshare = command("unshare");
    unshare.uid(0).gid(0).args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    if let Some(folder) = std::env::var_os("BELAY_TEST_DIR") {
        unshare.env("BELAY_TEST_DIR", folder);
    }
    let said = succeed(unshare.env(INSIDE, "1").args(["--exact", &name, "--nocapture", "--test-threads=1"]));
    assert!(said.contains("1 passed"), "there is no test {name}:\n{said}");
}
