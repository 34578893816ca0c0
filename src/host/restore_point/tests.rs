#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use belay_protocol::local::RestorePointState;

use super::*;
use crate::config::settings::Undo;
use crate::durable::digest_of_bytes;
use crate::host::device::Device;
use crate::host::tiny::{Tiny, deb_of, moment};
use crate::host::vault::ObjectKind;

fn installed() -> Tiny {
    let tiny = Tiny::new();
    tiny.set("demo-app", "1.0", "install ok installed");
    tiny
}

#[test]
fn a_restore_point_holds_all_that_undo_needs() {
    let tiny = installed();
    tiny.mark_automatic("demo-app");
    let plan = tiny.plan(&[("demo-app", Some("2.0")), ("demo-dep", Some("1.0"))]);
    let captured = tiny.capture(1, &plan, Undo::Required).unwrap();
    assert_eq!(captured.warnings, Vec::<String>::new());
    let stored = load(&tiny.points_dir(), 1).unwrap();
    assert_eq!(stored, captured.stored);
    let [app, dep] = &stored.point.packages[..] else { panic!("two packages change") };
    let deb = app.deb.as_ref().unwrap();
    assert_eq!((deb.version.as_str(), deb.source), ("1.0", ArchiveSource::Archive));
    assert_eq!(deb.sha256, digest_of_bytes(deb_of("demo-app", "1.0").as_bytes()));
    assert!(app.automatic && !dep.automatic);
    assert_eq!((&dep.old, &dep.deb), (&None, &None));
    assert!(stored.folder.join("database/status").is_file());
    assert!(!stored.folder.join("scratch").exists());
    let status = tiny.root().join("var/lib/dpkg/status").metadata().unwrap().len();
    let tenth_more = 10 * 1024 * 11 / 10;
    assert_eq!(stored.folder.join("reserve").metadata().unwrap().len(), tenth_more + 2 * status + 1024 * 1024);
    assert_eq!(verify(&stored, &tiny.vault, tiny.root(), tiny.architecture()).unwrap(), Vec::<String>::new());
    stored.release_reserve().unwrap();
    stored.release_reserve().unwrap();
    assert!(!stored.folder.join("reserve").exists());
}

#[test]
fn the_reserve_covers_the_old_packages_a_tenth_more_and_dpkgs_status_twice() {
    let tiny = installed();
    let big = tiny.status_of("demo-app").unwrap().replace("Installed-Size: 10", "Installed-Size: 2000");
    tiny.put(&"demo-app".parse().unwrap(), Some(big));
    let stored = tiny.capture(1, &tiny.plan(&[("demo-app", Some("2.0"))]), Undo::Required).unwrap().stored;
    let status = tiny.root().join("var/lib/dpkg/status").metadata().unwrap().len();
    let expected = 2_252_800 + 2 * status + 1024 * 1024;
    assert_eq!(stored.point.reserve_bytes, expected);
    assert_eq!(stored.folder.join("reserve").metadata().unwrap().len(), expected);
}

#[test]
fn the_next_update_finds_its_old_deb_in_the_vault() {
    let tiny = installed();
    tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    let point = tiny.update(2, &[("demo-app", Some("3.0"))], |_| {}).point;
    let deb = point.packages[0].deb.as_ref().unwrap();
    assert_eq!((deb.version.as_str(), deb.source), ("2.0", ArchiveSource::Vault));
    assert_eq!(*tiny.asked.lock().unwrap(), ["demo-app"]);
}

#[test]
fn a_tampered_deb_in_the_vault_is_not_taken_for_the_old_one() {
    let tiny = installed();
    tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    let digest = digest_of_bytes(deb_of("demo-app", "2.0").as_bytes());
    let plan = tiny.plan(&[("demo-app", Some("3.0"))]);
    std::fs::write(tiny.vault.path(&digest, ObjectKind::Archive), "tampered").unwrap();
    let point = tiny.capture(2, &plan, Undo::Required).unwrap().stored.point;
    assert_eq!(point.packages[0].deb.as_ref().unwrap().source, ArchiveSource::Archive);
    tiny.vault.verify(&digest, ObjectKind::Archive).unwrap();
}

#[test]
fn an_old_deb_that_cannot_be_had_refuses_the_update_by_name() {
    let tiny = installed();
    tiny.lost.lock().unwrap().push("demo-app".into());
    let plan = tiny.plan(&[("demo-app", Some("2.0"))]);
    let failure = tiny.capture(1, &plan, Undo::Required).unwrap_err();
    assert_eq!(failure.reason, Reason::UndoUnavailable);
    assert_eq!(
        failure.message,
        "demo-app 1.0 could not be put back: no earlier restore point holds its .deb, and no source offers it and its \
         files could not be packed; set packages.undo to best_effort to update nevertheless"
    );
    assert_eq!(list(&tiny.points_dir()).unwrap(), Listing::default());
    let captured = tiny.capture(1, &plan, Undo::BestEffort).unwrap();
    assert_eq!(captured.warnings, ["demo-app 1.0 cannot be put back: its .deb could not be had"]);
    assert_eq!(captured.stored.point.packages[0].deb, None);
}

#[test]
fn an_rc_package_needs_no_deb() {
    let tiny = Tiny::new();
    tiny.set("demo-app", "1.0", "deinstall ok config-files");
    tiny.lost.lock().unwrap().push("demo-app".into());
    let captured = tiny.capture(1, &tiny.plan(&[("demo-app", Some("2.0"))]), Undo::Required).unwrap();
    assert_eq!(captured.stored.point.packages[0].deb, None);
    assert_eq!(captured.warnings, Vec::<String>::new());
}

#[test]
fn a_database_that_changed_since_the_plan_is_refused() {
    let tiny = installed();
    let plan = tiny.plan(&[("demo-app", Some("2.0"))]);
    tiny.set("other", "1.0", "install ok installed");
    assert_eq!(tiny.capture(1, &plan, Undo::Required).unwrap_err().reason, Reason::PlanChanged);
}

#[test]
fn captured_again_after_a_crash_it_is_the_same_and_leftovers_go() {
    let tiny = installed();
    let plan = tiny.plan(&[("demo-app", Some("2.0"))]);
    let first = tiny.capture(1, &plan, Undo::Required).unwrap();
    let torn = tiny.points_dir().join(".0002.new");
    std::fs::create_dir(&torn).unwrap();
    std::fs::write(torn.join("reserve"), "x").unwrap();
    assert_eq!(tiny.capture(1, &plan, Undo::Required).unwrap(), first);
    assert!(!torn.exists());
}

#[test]
fn the_point_of_an_update_in_force_is_never_replaced() {
    let tiny = installed();
    let stored = tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    let failure = tiny.capture(1, &tiny.plan(&[("demo-app", Some("3.0"))]), Undo::Required).unwrap_err();
    assert_eq!(failure.reason, Reason::State);
    assert_eq!(load(&tiny.points_dir(), 1).unwrap(), stored);
}

#[test]
fn a_flipped_byte_in_a_point_is_named_and_the_others_are_still_listed() {
    let tiny = installed();
    tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    tiny.update(2, &[("demo-app", Some("3.0"))], |_| {});
    let path = tiny.points_dir().join("0001/point.json");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let listing = list(&tiny.points_dir()).unwrap();
    assert_eq!(listing.points.iter().map(|stored| stored.point.id).collect::<Vec<_>>(), [2]);
    let [(1, failure)] = &listing.damaged[..] else { panic!("{:?}", listing.damaged) };
    assert_eq!(failure.reason, Reason::VaultDamaged);
    assert!(failure.message.contains("0001/point.json"), "{}", failure.message);
}

#[test]
fn damage_is_found_and_named_by_what_it_costs() {
    let tiny = installed();
    let stored = tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    let damage = |digest, kind| std::fs::write(tiny.vault.path(&digest, kind), "x").unwrap();
    damage(digest_of_bytes(deb_of("demo-app", "1.0").as_bytes()), ObjectKind::Archive);
    damage(digest_of_bytes(b"device"), ObjectKind::File);
    std::fs::write(stored.folder.join("database/status"), "x").unwrap();
    let findings = verify(&stored, &tiny.vault, tiny.root(), tiny.architecture()).unwrap();
    let starts =
        ["demo-app 1.0 cannot be put back", "/etc/hostname cannot", "recovery cannot run", "the copy of dpkg's"];
    assert_eq!(findings.len(), starts.len(), "{findings:?}");
    for (finding, start) in findings.iter().zip(starts) {
        assert!(finding.starts_with(start), "{finding}");
    }
}

#[test]
fn a_removed_point_is_gone_and_its_states_are_shown_before() {
    let tiny = installed();
    tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    let mut second = tiny.update(2, &[("demo-app", Some("3.0"))], |_| {});
    second.mark_undone(UndoneMark { job: JobId(9), at: moment(9) }).unwrap();
    tiny.apply(&[("demo-app", Some("2.0"))]);
    tiny.capture(3, &tiny.plan(&[("demo-app", Some("4.0"))]), Undo::Required).unwrap();
    let points = list(&tiny.points_dir()).unwrap().points;
    let states: Vec<_> = views(&points).into_iter().map(|view| (view.id, view.state)).collect();
    let expected = [(3, RestorePointState::Open), (2, RestorePointState::Undone), (1, RestorePointState::Committed)];
    assert_eq!(states, expected);
    remove(&tiny.points_dir(), 2).unwrap();
    remove(&tiny.points_dir(), 2).unwrap();
    assert_eq!(list(&tiny.points_dir()).unwrap().points.len(), 2);
    assert_eq!(disk::names_in(&tiny.points_dir()).unwrap(), ["0001", "0003"]);
}

#[test]
fn what_kept_points_need_survives_a_sweep() {
    let tiny = installed();
    let stored = tiny.update(1, &[("demo-app", Some("2.0"))], |_| {});
    tiny.vault.import_bytes(b"nobody needs this", ObjectKind::File).unwrap();
    let needed: BTreeSet<Sha256> = stored.point.objects().into_keys().collect();
    assert_eq!(tiny.vault.sweep(&needed).unwrap(), 17);
    assert_eq!(verify(&stored, &tiny.vault, tiny.root(), tiny.architecture()).unwrap(), Vec::<String>::new());
    tiny.vault.verify(&digest_of_bytes(deb_of("demo-app", "2.0").as_bytes()), ObjectKind::Archive).unwrap();
}
