#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use belay_protocol::Sha256;

use super::*;
use crate::config::settings::Undo;
use crate::host::device::Rung;
use crate::host::disk;
use crate::host::restore_point::UndoneMark;
use crate::host::tiny::{Tiny, moment};
use crate::host::undo::{differences, inverse};
use crate::host::vault::ObjectKind;

const INSTALLED: &str = "install ok installed";
const CONFFILES: &str = "Conffiles:\n /etc/app.conf 0123456789abcdef0123456789abcdef\n /etc/old.conf 0123456789abcdef0123456789abcdef obsolete\n";

/// A device with everything that packages alone do not put back.
pub(in crate::host) fn device() -> Tiny {
    let tiny = Tiny::new();
    tiny.set("app", "1.0", "hold ok installed");
    let app = tiny.status_of("app").unwrap() + CONFFILES;
    tiny.put(&"app".parse().unwrap(), Some(app));
    tiny.mark_automatic("app");
    tiny.set("left", "0.9", "deinstall ok config-files");
    tiny.write("var/lib/dpkg/info/left.list", "/.\n");
    tiny.write("var/lib/dpkg/info/left.postrm", "old purge");
    tiny.set("other", "1.0", INSTALLED);
    tiny.write("etc/app.conf", "old");
    tiny.write("etc/left.conf", "kept");
    tiny.write("var/lib/dpkg/diversions", "/bin/a\n/bin/b\nother\n");
    tiny.write("var/lib/dpkg/alternatives/editor", "auto\n");
    rollback_file::put(&tiny.rollback_file(), Some("other=1.0\n")).unwrap();
    tiny
}

pub(in crate::host) const CHANGES: [(&str, Option<&str>); 3] =
    [("app", Some("2.0")), ("left", Some("1.0")), ("new", Some("1.0"))];

/// What an update's maintainer scripts do to the device.
pub(in crate::host) fn scripts(tiny: &Tiny) {
    tiny.write("etc/app.conf", "new");
    tiny.write("etc/generated", "new");
    std::fs::remove_file(tiny.at("etc/left.conf")).unwrap();
    tiny.write("var/lib/dpkg/info/left.postrm", "new purge");
    tiny.write("var/lib/dpkg/info/left.prerm", "new");
    tiny.write("var/lib/dpkg/diversions", "");
    tiny.write("var/lib/dpkg/alternatives/editor", "manual\n");
    std::fs::remove_file(tiny.at("var/lib/apt/extended_states")).unwrap();
    tiny.mark_automatic("new");
}

fn settling<'a>(tiny: &'a Tiny, points: &'a [&'a Stored], rollback_file: &'a Path) -> Settling<'a> {
    Settling { device: tiny, vault: &tiny.vault, points, rollback_file }
}

pub(in crate::host) fn go_back(tiny: &Tiny, points: &[&Stored]) {
    let points: Vec<&RestorePoint> = points.iter().map(|stored| &stored.point).collect();
    let archive = |sha256: &Sha256| tiny.vault.path(sha256, ObjectKind::Archive);
    let transaction = inverse(&points, &tiny.inventory().unwrap(), &archive, Rung::Apt);
    tiny.transact(&transaction, &|_, _| ()).unwrap();
}

fn differing(tiny: &Tiny, settling: &Settling<'_>) -> Vec<String> {
    let tree = settling.measure().unwrap();
    let points = settling.restore_points();
    differences(&points, &settling.paths(&tree), &tiny.inventory().unwrap(), &tree)
}

#[test]
fn an_open_update_goes_back_exactly() {
    let tiny = device();
    let before = tiny.exact_tier();
    let stored = tiny.capture(1, &tiny.plan(&CHANGES), Undo::Required).unwrap().stored;
    tiny.apply(&CHANGES);
    scripts(&tiny);
    assert_ne!(tiny.exact_tier(), before);
    let (points, file) = ([&stored], tiny.rollback_file());
    let settling = settling(&tiny, &points, &file);
    settling.prepare().unwrap();
    go_back(&tiny, &points);
    assert_eq!(settling.settle().unwrap(), Vec::<String>::new());
    assert_eq!(tiny.exact_tier(), before);
    assert_eq!(differing(&tiny, &settling), Vec::<String>::new());
    assert_eq!(tiny.read("var/lib/dpkg/info/left.postrm").as_deref(), Some("old purge"));
    assert_eq!(tiny.read("var/lib/dpkg/info/left.prerm"), None);
    assert!(tiny.status_of("app").unwrap().contains("old.conf 0123456789abcdef0123456789abcdef obsolete"));
}

#[test]
fn settling_twice_writes_nothing_more() {
    use std::os::unix::fs::MetadataExt;
    let tiny = device();
    let stored = tiny.capture(1, &tiny.plan(&CHANGES), Undo::Required).unwrap().stored;
    tiny.apply(&CHANGES);
    scripts(&tiny);
    let (points, file) = ([&stored], tiny.rollback_file());
    go_back(&tiny, &points);
    settling(&tiny, &points, &file).settle().unwrap();
    let written =
        ["var/lib/dpkg/status", "var/lib/apt/extended_states", "etc/app.conf", "var/lib/dpkg/info/left.postrm"];
    let inodes = || written.map(|path| tiny.at(path).metadata().unwrap().ino());
    let once = (inodes(), file.metadata().unwrap().ino());
    settling(&tiny, &points, &file).settle().unwrap();
    assert_eq!((inodes(), file.metadata().unwrap().ino()), once);
}

#[test]
fn a_committed_update_goes_back_and_what_others_did_stays() {
    let tiny = device();
    let before = tiny.exact_tier();
    let mut stored = tiny.update(1, &CHANGES, scripts);
    tiny.write("etc/generated", "edited by the owner");
    tiny.write("etc/theirs", "x");
    let file = tiny.rollback_file();
    {
        let points = [&stored];
        let settling = settling(&tiny, &points, &file);
        settling.prepare().unwrap();
        go_back(&tiny, &points);
        // A script of the old version writes what was neither there before nor after.
        tiny.write("etc/app.conf", "written by the old postinst");
        settling.prepare().unwrap();
        let expected = ["/etc/generated was changed by others since the update; it was left as it is"];
        assert_eq!(settling.settle().unwrap(), expected);
        assert_eq!(settling.settle().unwrap(), expected);
        assert_eq!(differing(&tiny, &settling), Vec::<String>::new());
    }
    let theirs = ["etc/generated", "etc/theirs"];
    assert_eq!(tiny.read("etc/generated").as_deref(), Some("edited by the owner"));
    let now: Vec<_> = tiny.exact_tier().into_iter().filter(|(path, _)| !theirs.contains(&path.as_str())).collect();
    assert_eq!(now, before);
    stored.mark_undone(UndoneMark { job: belay_protocol::job::JobId(2), at: moment(2) }).unwrap();
    assert_eq!(stored.undoing().unwrap(), None);
}

#[test]
fn two_generations_go_back_at_once() {
    let tiny = device();
    let before = tiny.exact_tier();
    let first = tiny.update(1, &CHANGES, scripts);
    let second = tiny.update(2, &[("app", Some("3.0")), ("tool", Some("1.0"))], |tiny| {
        tiny.write("etc/app.conf", "newest");
        tiny.write("etc/tool", "x");
    });
    let (points, file) = ([&second, &first], tiny.rollback_file());
    let settling = settling(&tiny, &points, &file);
    settling.prepare().unwrap();
    go_back(&tiny, &points);
    assert_eq!(settling.settle().unwrap(), Vec::<String>::new());
    assert_eq!(tiny.exact_tier(), before);
}

#[test]
fn interrupted_before_any_piece_it_is_completed_by_the_next_run() {
    let file_of = |tiny: &Tiny| tiny.rollback_file();
    for pieces in 0..4 {
        let tiny = device();
        let before = tiny.exact_tier();
        let stored = tiny.update(1, &CHANGES, scripts);
        let (points, file) = ([&stored], file_of(&tiny));
        settling(&tiny, &points, &file).prepare().unwrap();
        go_back(&tiny, &points);
        // A new process reads everything from the disk again.
        let again = crate::host::restore_point::load(&tiny.points_dir(), 1).unwrap();
        let points = [&again];
        let interrupted = settling(&tiny, &points, &file);
        if pieces > 0 {
            interrupted.settle_tree().unwrap();
        }
        if pieces > 1 {
            interrupted.settle_selections().unwrap();
        }
        if pieces > 2 {
            interrupted.settle_database().unwrap();
        }
        std::fs::write(tiny.at("var/lib/dpkg").join(disk::TEMPORARY), "torn").unwrap();
        interrupted.prepare().unwrap();
        assert_eq!(interrupted.settle().unwrap(), Vec::<String>::new());
        assert_eq!(tiny.exact_tier(), before, "after {pieces} pieces");
    }
}

#[test]
fn what_a_killed_dpkg_left_in_its_journal_is_gone_though_every_package_is_right() {
    for leftover in ["0001", "tmp.i"] {
        let tiny = device();
        let before = tiny.exact_tier();
        let stored = tiny.update(1, &CHANGES, scripts);
        let (points, file) = ([&stored], tiny.rollback_file());
        let settling = settling(&tiny, &points, &file);
        settling.prepare().unwrap();
        go_back(&tiny, &points);
        let leftover = format!("var/lib/dpkg/updates/{leftover}");
        tiny.write(&leftover, "");
        assert_eq!(settling.settle().unwrap(), Vec::<String>::new());
        assert_eq!(tiny.read(&leftover), None);
        assert_eq!(tiny.exact_tier(), before);
    }
}

#[test]
fn a_stanza_is_not_patched_to_claim_what_is_not_so() {
    let tiny = device();
    let stored = tiny.capture(1, &tiny.plan(&CHANGES), Undo::Required).unwrap().stored;
    tiny.apply(&CHANGES);
    tiny.set("new", "1.0", "install ok half-configured");
    let (points, file) = ([&stored], tiny.rollback_file());
    let settling = settling(&tiny, &points, &file);
    settling.settle().unwrap();
    for (package, version) in [("app", "2.0"), ("left", "1.0"), ("new", "1.0")] {
        assert!(tiny.status_of(package).unwrap().contains(&format!("Version: {version}")), "{package}");
    }
    assert!(differing(&tiny, &settling).contains(&"app is 2.0, was 1.0".to_owned()));
}

#[test]
fn an_rc_package_that_was_purged_comes_back_with_its_purge_script() {
    let tiny = device();
    let before = tiny.exact_tier();
    let changes = [("left", None)];
    let stored = tiny.capture(1, &tiny.plan(&changes), Undo::Required).unwrap().stored;
    tiny.apply(&changes);
    for path in ["etc/left.conf", "var/lib/dpkg/info/left.postrm", "var/lib/dpkg/info/left.list"] {
        std::fs::remove_file(tiny.at(path)).unwrap();
    }
    let (points, file) = ([&stored], tiny.rollback_file());
    go_back(&tiny, &points);
    settling(&tiny, &points, &file).settle().unwrap();
    assert_eq!(tiny.exact_tier(), before);
    assert_eq!(tiny.read("var/lib/dpkg/info/left.postrm").as_deref(), Some("old purge"));
}

#[test]
fn a_lost_status_file_ends_with_every_package_installed_again() {
    let tiny = device();
    let before = tiny.exact_tier();
    let stored = tiny.capture(1, &tiny.plan(&CHANGES), Undo::Required).unwrap().stored;
    scripts(&tiny);
    tiny.write("var/lib/dpkg/info/new.list", "/.\n");
    tiny.write("var/lib/dpkg/status", "");
    let database = stored.database(tiny.root(), tiny.architecture());
    assert!(database.restore_status_if_broken(&stored.point.suspects()).unwrap());
    let (points, file) = ([&stored], tiny.rollback_file());
    assert!(tiny.status_of("app").unwrap().contains("half-installed"));
    go_back(&tiny, &points);
    settling(&tiny, &points, &file).settle().unwrap();
    assert_eq!(tiny.exact_tier(), before);
}

#[test]
fn a_hold_on_a_package_that_was_broken_before_goes_back_by_dpkg_s_own_means() {
    let tiny = Tiny::new();
    tiny.set("app", "1.0", "hold ok half-configured");
    let stored = tiny.capture(1, &tiny.plan(&[("app", Some("2.0"))]), Undo::Required).unwrap().stored;
    tiny.apply(&[("app", Some("2.0"))]);
    let (points, file) = ([&stored], tiny.rollback_file());
    go_back(&tiny, &points);
    settling(&tiny, &points, &file).settle().unwrap();
    let app = tiny.status_of("app").unwrap();
    assert!(app.contains("Status: hold ok installed") && app.contains("Version: 1.0"), "{app}");
}
