use super::*;
use crate::config::settings::Undo;
use crate::host::device::Device;
use crate::host::restore_point::Stored;
use crate::host::tiny::Tiny;
use crate::host::vault::ObjectKind;

/// What the inverse does, a line a package.
fn way_back(tiny: &Tiny, points: &[&Stored]) -> Vec<String> {
    let points: Vec<&RestorePoint> = points.iter().map(|stored| &stored.point).collect();
    let archive = |sha256: &Sha256| tiny.vault.path(sha256, ObjectKind::Archive);
    let transaction = inverse(&points, &tiny.inventory().unwrap(), &archive, Rung::Apt);
    assert_eq!((transaction.rung, transaction.status), (Rung::Apt, None));
    let install = transaction.install.iter().map(|archive| format!("install {} {}", archive.package, archive.version));
    let remove = transaction.remove.iter().map(|package| format!("remove {}", package.package));
    let purge = transaction.purge.iter().map(|package| format!("purge {}", package.package));
    install.chain(remove).chain(purge).collect()
}

/// Captures for these changes, on a device where `before` is set up.
fn captured(before: &[(&str, &str, &str)], changes: &[(&str, Option<&str>)]) -> (Tiny, Stored) {
    let tiny = Tiny::new();
    for (package, version, status) in before {
        tiny.set(package, version, status);
    }
    let stored = tiny.capture(1, &tiny.plan(changes), Undo::Required).unwrap().stored;
    (tiny, stored)
}

const INSTALLED: &str = "install ok installed";

#[test]
fn each_package_goes_back_to_its_old_state() {
    let before = [
        ("up", "1.0", INSTALLED),
        ("held", "1:1.0", "hold ok installed"),
        ("gone", "0.9", INSTALLED),
        ("left", "1.0", "deinstall ok config-files"),
        ("left-purged", "1.0", "deinstall ok config-files"),
        ("lib:armhf", "1.0", INSTALLED),
        ("other", "1.0", INSTALLED),
    ];
    let changes = [
        ("up", Some("2.0")),
        ("held", Some("1:2.0")),
        ("gone", None),
        ("left", Some("2.0")),
        ("left-purged", None),
        ("lib:armhf", Some("2.0")),
        ("new", Some("1.0")),
    ];
    let (tiny, stored) = captured(&before, &changes);
    assert_eq!(way_back(&tiny, &[&stored]), Vec::<String>::new());
    tiny.apply(&changes);
    tiny.set("other", "9.0", INSTALLED);
    let expected = [
        "install gone 0.9",
        "install held 1:1.0",
        "install lib:armhf 1.0",
        "install up 1.0",
        "remove left",
        "purge new",
    ];
    assert_eq!(way_back(&tiny, &[&stored]), expected);
}

#[test]
fn the_right_version_in_a_broken_state_is_installed_again() {
    let (tiny, stored) = captured(&[("app", "1.0", INSTALLED)], &[("app", Some("2.0")), ("new", Some("1.0"))]);
    let broken = [
        "install reinstreq half-installed",
        "install ok unpacked",
        "install ok half-configured",
        "install ok triggers-awaited",
    ];
    for status in broken {
        tiny.set("app", "1.0", status);
        tiny.set("new", "1.0", status);
        assert_eq!(way_back(&tiny, &[&stored]), ["install app 1.0", "purge new"], "{status}");
    }
    tiny.set("app", "1.0", "hold ok installed");
    tiny.set("new", "1.0", "deinstall ok config-files");
    assert_eq!(way_back(&tiny, &[&stored]), ["purge new"]);
}

#[test]
fn an_rc_package_that_broke_half_way_is_removed_and_not_purged() {
    let (tiny, stored) = captured(&[("left", "1.0", "deinstall ok config-files")], &[("left", Some("2.0"))]);
    tiny.set("left", "2.0", "install reinstreq half-installed");
    assert_eq!(way_back(&tiny, &[&stored]), ["remove left"]);
    tiny.set("left", "2.0", "deinstall ok config-files");
    assert_eq!(way_back(&tiny, &[&stored]), Vec::<String>::new());
}

#[test]
fn several_generations_go_back_in_one_transaction_to_the_oldest() {
    let tiny = Tiny::new();
    tiny.set("app", "1.0", INSTALLED);
    let first = tiny.update(1, &[("app", Some("2.0")), ("dep", Some("1.0"))], |_| {});
    let second = tiny.update(2, &[("app", Some("3.0")), ("tool", Some("1.0"))], |_| {});
    assert_eq!(way_back(&tiny, &[&second]), ["install app 2.0", "purge tool"]);
    assert_eq!(way_back(&tiny, &[&second, &first]), ["install app 1.0", "purge dep", "purge tool"]);
}

#[test]
fn an_old_version_that_is_lost_stays_a_difference() {
    let tiny = Tiny::new();
    tiny.set("app", "1.0", INSTALLED);
    tiny.lost.lock().unwrap().push("app".into());
    let stored = tiny.capture(1, &tiny.plan(&[("app", Some("2.0"))]), Undo::BestEffort).unwrap().stored;
    tiny.apply(&[("app", Some("2.0"))]);
    assert_eq!(way_back(&tiny, &[&stored]), Vec::<String>::new());
    assert_eq!(differing(&tiny, &stored), ["app is 2.0, was 1.0"]);
}

fn differing(tiny: &Tiny, stored: &Stored) -> Vec<String> {
    let tree = Tree::measure(tiny.root(), &stored.point.scope).unwrap();
    let paths = wanted_paths(&[stored], &tree);
    differences(&[&stored.point], &paths, &tiny.inventory().unwrap(), &tree)
}

#[test]
fn a_package_that_was_broken_before_is_as_it_was_when_its_version_is_installed() {
    for status in ["install ok half-configured", "install reinstreq half-installed", "install ok unpacked"] {
        let (tiny, stored) = captured(&[("app", "1.0", status)], &[("app", Some("2.0"))]);
        tiny.set("app", "1.0", INSTALLED);
        assert_eq!(differing(&tiny, &stored), Vec::<String>::new(), "{status}");
        tiny.set("app", "2.0", INSTALLED);
        assert_eq!(differing(&tiny, &stored), ["app is 2.0, was 1.0"], "{status}");
    }
}

#[test]
fn every_difference_of_the_exact_tier_is_told() {
    let before = [
        ("app", "1.0", INSTALLED),
        ("gone", "1.0", INSTALLED),
        ("held", "1.0", "hold ok installed"),
        ("other", "1.0", INSTALLED),
    ];
    let (tiny, stored) =
        captured(&before, &[("app", Some("2.0")), ("gone", None), ("held", None), ("new", Some("1.0"))]);
    assert_eq!(differing(&tiny, &stored), Vec::<String>::new());
    tiny.set("app", "2.0", "install reinstreq half-installed");
    tiny.put(&"gone".parse().unwrap(), None);
    let conffile = "Conffiles:\n /etc/held 0123456789abcdef0123456789abcdef obsolete\n";
    let held = tiny.status_of("held").unwrap().replace("hold ok", "install ok") + conffile;
    tiny.put(&"held".parse().unwrap(), Some(held));
    tiny.mark_automatic("held");
    tiny.set("new", "1.0", INSTALLED);
    tiny.set("other", "2.0", INSTALLED);
    tiny.write("etc/hostname", "changed");
    tiny.write("etc/passwd", "reported, never undone");
    let expected = [
        "app is 2.0, was 1.0",
        "app is half-installed, was installed",
        "app has the error flag reinstreq, was ok",
        "gone is not there, was 1.0",
        "held is selected for install, was hold",
        "dpkg remembers /etc/held of held in another way than before",
        "held is marked automatic, was manual",
        "new 1.0 is installed, was not there",
        "/etc/hostname is not what it was",
    ];
    assert_eq!(differing(&tiny, &stored), expected);
}

#[test]
fn drift_names_what_others_changed_and_nothing_else() {
    let tiny = Tiny::new();
    tiny.set("app", "1.0", INSTALLED);
    tiny.set("other", "1.0", INSTALLED);
    let first = tiny.update(1, &[("app", Some("2.0"))], |tiny| tiny.write("etc/app", "2"));
    let second = tiny.update(2, &[("app", Some("3.0"))], |tiny| tiny.write("etc/app", "3"));
    let found = || {
        let tree = Tree::measure(tiny.root(), &second.point.scope).unwrap();
        drift(&[&second, &first], &tiny.inventory().unwrap(), &tree)
    };
    assert_eq!(found(), Vec::<String>::new());
    tiny.set("other", "2.0", INSTALLED);
    tiny.write("etc/hostname", "not touched by an update");
    assert_eq!(found(), Vec::<String>::new());
    tiny.set("app", "3.1", "hold ok installed");
    tiny.write("etc/app", "edited");
    let expected =
        ["app is 3.1, was 3.0", "app is selected for hold, was install", "/etc/app was changed since the update"];
    assert_eq!(found(), expected);
}

#[test]
fn only_paths_that_nobody_changed_since_go_back() {
    let tiny = Tiny::new();
    tiny.write("etc/kept", "1");
    let first = tiny.update(1, &[("app", Some("1.0"))], |tiny| {
        tiny.write("etc/app", "1");
        tiny.write("etc/kept", "2");
        tiny.write("etc/between", "1");
    });
    tiny.write("etc/between", "others");
    let second = tiny.update(2, &[("app", Some("2.0"))], |tiny| {
        tiny.write("etc/app", "2");
        tiny.write("etc/between", "2");
    });
    tiny.write("etc/kept", "others");
    tiny.write("etc/theirs", "x");
    let now = Tree::measure(tiny.root(), &first.point.scope).unwrap();
    let paths = wanted_paths(&[&second, &first], &now);
    let targets: Vec<_> = paths.targets.iter().map(|(path, entry)| (path.to_string(), entry.is_some())).collect();
    assert_eq!(targets, [("/etc/app".to_owned(), false), ("/etc/between".to_owned(), true)]);
    assert_eq!(paths.targets[&"etc/between".into()], second.point.tree.entries.get(&"etc/between".into()).cloned());
    let expected = [
        "/etc/between was changed by others between two updates; it went back to that",
        "/etc/kept was changed by others since the update; it was left as it is",
    ];
    assert_eq!(paths.reported, expected);
}
