//! The device of the model, and what a crash at any of its steps leaves behind.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use belay_agent::durable::digest_of_file;
use belay_agent::host::device::{Archive, Device, Mend, PackageRef, Rung, TransactError, Transaction};
use belay_protocol::plan::{Action, Change};
use belay_protocol::{PackageId, Reason};
use belay_testkit::ownership::{base_dir, temp_dir_in};
use tempfile::TempDir;

use super::deb::ModelDeb;
use super::device::ModelDevice;
use super::transcript::files_of;

#[test]
fn after_a_crash_at_any_step_the_last_rung_goes_back() {
    let steps = {
        let (folder, device) = started();
        let before = device.steps().taken();
        upgrade(&device, folder.path(), Rung::Apply).expect("nothing stands in the way");
        device.steps().taken() - before
    };
    assert!(steps > 40, "an upgrade of two packages takes more than {steps} steps");
    let mut strange_conffiles = 0;
    for crash in 1..=steps {
        let (folder, device) = started();
        let (old, files) = (device.inventory().expect("it can be read"), kept_files(&device));
        device.steps().crash_after(device.steps().taken() + crash);
        let cut = catch_unwind(AssertUnwindSafe(|| upgrade(&device, folder.path(), Rung::Apply)));
        assert!(cut.is_err(), "there is no step {crash}");

        let device = ModelDevice::new(device.root());
        go_back(&device, folder.path(), Rung::Dpkg).unwrap_or_else(|error| panic!("after step {crash}: {error:?}"));
        assert_eq!(old, device.inventory().expect("it can be read"), "after step {crash}");
        let (mut files, mut found) = (files, kept_files(&device));
        let (conffile, new) = (files.remove(CONFFILE), found.remove(CONFFILE));
        assert_eq!(files, found, "after step {crash}");
        strange_conffiles += usize::from(conffile != new);
    }
    // Moved into place and not noted yet, a conffile of the new version counts as edited by a person: dpkg keeps it.
    assert_eq!(strange_conffiles, 1);
}

#[test]
fn a_script_that_stops_a_transaction_is_named() {
    let (folder, device) = started();
    let broken = app("2.0").failing("postinst configure");
    let ended = device.transact(&transaction(folder.path(), &[broken, lib("2.0")], Rung::Apply), &|_, _| {});
    let Err(TransactError::Touched { script, .. }) = ended else { panic!("it was not stopped: {ended:?}") };
    assert_eq!(script, Some((package("demo-app"), "postinst".to_owned())));
    assert_eq!(device.audit().expect("it can be read"), ["demo-app is only half-configured"]);
    go_back(&device, folder.path(), Rung::Apt).expect("the old version configures");
}

#[test]
fn what_conflicts_is_planned_as_a_removal() {
    let (_folder, device) = started();
    device.publish(&[ModelDeb::new("demo-other", "1.0").conflicts("demo-app")]);
    let changes = device.resolve(&"demo-other".parse().expect("a list"), &|_, _| {}).expect("it resolves");
    let told: Vec<String> = changes.iter().map(Change::describe).collect();
    assert_eq!(told, ["demo-app - 1.0", "demo-other + 1.0"]);
}

#[test]
fn a_plan_that_no_longer_holds_is_refused_untouched() {
    let (folder, device) = started();
    let mut transaction = transaction(folder.path(), &[app("2.0"), lib("2.0")], Rung::Apply);
    transaction.status = Some(device.status_digest().expect("it can be read"));
    go_back(&device, folder.path(), Rung::Apt).expect("it can be installed again");
    device.mend(&hold()).expect("it can be held");
    assert_eq!(refused(&device, &transaction), Reason::PlanChanged);
}

#[test]
fn a_tampered_archive_is_refused_by_name() {
    let (folder, device) = started();
    let transaction = transaction(folder.path(), &[app("2.0"), lib("2.0")], Rung::Dpkg);
    app("2.0").file("/usr/bin/more", "more\n").build(&folder.path().join("vault"));
    let Err(TransactError::Untouched(failure)) = device.transact(&transaction, &|_, _| {}) else {
        panic!("it was not refused");
    };
    assert_eq!(failure.reason, Reason::DigestMismatch);
    assert!(failure.message.contains("demo-app 2.0"), "{failure}");
}

#[test]
fn apt_does_not_touch_what_is_not_named_and_dpkg_does_as_it_is_told() {
    let (folder, device) = started();
    upgrade(&device, folder.path(), Rung::Apply).expect("nothing stands in the way");
    let only = |rung| transaction(folder.path(), &[lib("1.0")], rung);
    assert_eq!(refused(&device, &only(Rung::Apply)), Reason::AptFailed);
    device.transact(&only(Rung::Dpkg), &|_, _| {}).expect("dpkg is forced");
}

#[test]
fn a_list_resolves_with_what_it_needs_and_each_archive_is_found_again() {
    let (folder, device) = started();
    let changes = device.resolve(&"demo-app".parse().expect("a list"), &|_, _| {}).expect("it resolves");
    let told: Vec<String> = changes.iter().map(Change::describe).collect();
    assert_eq!(told, ["demo-app 1.0 → 2.0", "demo-lib 1.0 → 2.0"]);
    assert!(
        changes.iter().all(|change| change.action == Action::Upgrade && change.asked == (told[0] == change.describe()))
    );

    std::fs::remove_dir_all(device.repository()).expect("it is there");
    let inventory = device.inventory().expect("it can be read");
    for record in inventory.packages.values() {
        let (path, _) = device.archive_of(record, &folder.path().join("scratch")).expect("it can be rebuilt");
        assert_eq!(ModelDeb::read(&path).expect("a package").name, record.package.to_string());
    }
}

#[test]
fn one_package_manager_at_a_time() {
    let (_folder, device) = started();
    let lock = device.lock().expect("nobody holds it");
    assert!(device.lock().is_err_and(|failure| failure.reason == Reason::LockTimeout));
    drop(lock);
    device.hold_lock(true);
    assert!(device.lock().is_err());
    device.hold_lock(false);
    assert!(device.lock().is_ok());
}

/// A device with both packages at 1.0 and their 2.0 on offer.
fn started() -> (TempDir, ModelDevice) {
    let folder = temp_dir_in(&base_dir(), "belay-model-");
    let device = ModelDevice::new(&folder.path().join("root"));
    device.publish(&[app("1.0"), lib("1.0"), app("2.0"), lib("2.0")]);
    go_back(&device, folder.path(), Rung::Apply).expect("an empty device takes packages");
    (folder, device)
}

fn app(version: &str) -> ModelDeb {
    ModelDeb::new("demo-app", version)
        .depends(&format!("demo-lib (>= {version})"))
        .conffile(CONFFILE, &format!("colour of {version}\n"))
        .file("/usr/bin/demo-app", &format!("app {version}\n"))
        .file(&format!("/usr/share/demo-app/{version}"), "")
}

fn lib(version: &str) -> ModelDeb {
    ModelDeb::new("demo-lib", version).file("/usr/lib/demo-lib", &format!("lib {version}\n"))
}

fn upgrade(device: &ModelDevice, folder: &Path, rung: Rung) -> Result<(), TransactError> {
    device.transact(&transaction(folder, &[app("2.0"), lib("2.0")], rung), &|_, _| {})
}

fn go_back(device: &ModelDevice, folder: &Path, rung: Rung) -> Result<(), TransactError> {
    device.transact(&transaction(folder, &[app("1.0"), lib("1.0")], rung), &|_, _| {})
}

fn transaction(folder: &Path, debs: &[ModelDeb], rung: Rung) -> Transaction {
    let archive = |deb: &ModelDeb| {
        let path = deb.build(&folder.join("vault"));
        Archive {
            package: package(&deb.name),
            version: deb.version.parse().expect("a version"),
            architecture: deb.architecture.parse().expect("an architecture"),
            sha256: digest_of_file(&path).expect("it can be read"),
            path,
        }
    };
    Transaction { install: debs.iter().map(archive).collect(), remove: vec![], purge: vec![], status: None, rung }
}

fn refused(device: &ModelDevice, transaction: &Transaction) -> Reason {
    let before = device.steps().taken();
    match device.transact(transaction, &|_, _| {}) {
        Err(TransactError::Untouched(failure)) => {
            assert_eq!(device.steps().taken(), before, "something was changed");
            failure.reason
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

fn hold() -> Mend {
    let package = PackageRef { package: package("demo-app"), architecture: "all".parse().expect("an architecture") };
    Mend::Select(vec![(package, "hold".to_owned())])
}

fn package(name: &str) -> PackageId {
    name.parse().expect("a package")
}

/// Everything below /etc and /usr, but what an interrupted dpkg leaves and never takes away: files on their way, and
/// files of the version that never came.
fn kept_files(device: &ModelDevice) -> BTreeMap<String, String> {
    let mut files = files_of(device.root());
    files.retain(|path, _| !path.contains(".dpkg-") && path != "/usr/share/demo-app/2.0");
    files
}

const CONFFILE: &str = "/etc/demo-app.conf";
