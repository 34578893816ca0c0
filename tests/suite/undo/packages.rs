//! Packages come back with everything that dpkg and apt know of them: states, marks, holds, architectures.

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::command::transcript;
use belay_testkit::deb::native_architecture;
use belay_testkit::{Deb, Sandbox, Script, Snapshot, assert_same};
use serde_json::json;

use crate::support::*;

#[test]
fn new_packages_go_and_a_package_of_which_only_configuration_was_left_goes_back_to_that() {
    let old_lib =
        package("demo-lib", "1.0").script(Script::Postrm, "test \"$1\" != purge || touch $DPKG_ROOT/etc/purged");
    let debs = [
        demo("1.0"),
        demo("2.0").depends("demo-lib, demo-new"),
        old_lib,
        package("demo-lib", "2.0"),
        package("demo-new", "1.0").depends("demo-newer"),
        package("demo-newer", "1.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-lib=1.0"]);
    apt(&sandbox, &["remove", "demo-lib"]);
    assert_there_and_back(&sandbox, &["demo-app"], &[]);
    assert!(sandbox.dpkg_query("${Package} ${db:Status-Abbrev}\\n").contains("demo-lib rc"));
}

#[test]
fn a_held_package_moves_only_when_it_is_approved_and_is_on_hold_again_afterwards() {
    let debs = [demo("1.0").depends("demo-lib"), demo("2.0"), package("demo-lib", "1.0"), package("demo-lib", "2.0")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-lib=1.0"]);
    for args in [["hold", "demo-app"], ["auto", "demo-lib"]] {
        let marked = sandbox.command("apt-mark").args(args).output().expect("apt-mark starts");
        assert!(marked.status.success(), "{}", transcript(&marked));
    }
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).start();
    let refused = update(&agent, &["demo-app=2.0"]);
    assert_end(&refused, JobState::Refused, Some(Reason::GuardHeld));
    assert_same(&before, &Snapshot::of(&sandbox));
    drop(agent);
    assert_there_and_back(&sandbox, &["demo-app=2.0", "demo-lib=2.0"], &["guard_held"]);
}

#[test]
fn packages_in_conflict_are_exchanged_when_the_removal_is_approved_and_exchanged_back() {
    let debs = [
        demo("1.0"),
        package("demo-plugin", "1.0").depends("demo-app"),
        package("demo-other", "1.0").conflicts("demo-app").replaces("demo-app"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-plugin=1.0"]);
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).start();
    let refused = update(&agent, &["demo-other"]);
    assert_end(&refused, JobState::Refused, Some(Reason::GuardRemoval));
    assert_says(&refused.message, &["demo-app - 1.0", "demo-plugin - 1.0", "guard_removal"]);
    assert_same(&before, &Snapshot::of(&sandbox));
    drop(agent);
    assert_there_and_back(&sandbox, &["demo-other"], &["guard_removal"]);
}

#[test]
fn packages_that_depend_on_one_another_exactly_go_forth_and_back_together() {
    let pair = |version: &str| {
        [
            demo(version).depends(&format!("demo-lib (= {version})")),
            package("demo-lib", version).breaks(&format!("demo-app (<< {version})")),
        ]
    };
    let debs = [pair("1.0"), pair("2.0")].concat();
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-lib=1.0"]);
    assert_there_and_back(&sandbox, &["demo-app"], &[]);
}

#[test]
fn packages_of_a_foreign_architecture_are_kept_apart_from_the_native_ones() {
    let native = native_architecture();
    let foreign = if native == "armhf" { "arm64" } else { "armhf" };
    let lib = |version: &str, architecture: &str| {
        Deb::new("libdemo", version)
            .architecture(architecture)
            .multi_arch("same")
            .file(&format!("/usr/lib/{architecture}/libdemo.so"), version)
            .conffile("/etc/libdemo.conf", "the same for all\n")
    };
    let debs = [lib("1.0", &native), lib("1.0", foreign), lib("2.0", &native), lib("2.0", foreign)];
    let sandbox = sandbox_with(&debs, &[]);
    let added = sandbox.dpkg(&["--add-architecture", foreign]);
    assert!(added.status.success(), "{}", transcript(&added));
    let both = |version: &str| [format!("libdemo:{native}={version}"), format!("libdemo:{foreign}={version}")];
    let old = both("1.0");
    sandbox.install(&[&old[0], &old[1]]);
    let new = both("2.0");
    assert_there_and_back(&sandbox, &[&new[0], &new[1]], &[]);

    // The foreign one alone is new, and goes alone.
    apt(&sandbox, &["purge", &format!("libdemo:{foreign}")]);
    assert_there_and_back(&sandbox, &[&old[1]], &[]);
}

#[test]
fn a_version_that_nobody_offers_any_more_is_rebuilt_before_it_is_replaced() {
    if belay_testkit::tools::dpkg_repack().is_none_or(|dir| !dir.starts_with("/usr/bin")) {
        return skipped("needs dpkg-repack installed");
    }
    let sandbox = demo_sandbox();
    sandbox.repository().retract("demo-app", "1.0");
    assert_there_and_back(&sandbox, &["demo-app=2.0"], &[]);
}

#[test]
fn without_any_source_of_the_old_version_the_update_is_refused() {
    let sandbox = demo_sandbox();
    sandbox.repository().retract("demo-app", "1.0");
    // Without one of its files a package cannot be packed again either.
    std::fs::remove_file(sandbox.path("usr/share/demo-app/version")).expect("the file was there");
    let before = Snapshot::of(&sandbox);
    let agent = launch(&sandbox).start();
    let job = update(&agent, &["demo-app=2.0"]);
    assert_end(&job, JobState::Refused, Some(Reason::UndoUnavailable));
    assert_says(&job.message, &["demo-app 1.0", "best_effort"]);
    assert_same(&before, &Snapshot::of(&sandbox));
}

/// Commits an update without the repository having any say afterwards, and goes back.
fn assert_there_and_back(sandbox: &Sandbox, packages: &[&str], approve: &[&str]) {
    let before = Snapshot::of(sandbox);
    let agent = launch(sandbox).start();
    let job = ask_job(&agent, "/update", &json!({ "packages": packages, "approve": approve }));
    assert_committed(&job);
    assert!(!before.diff(&Snapshot::of(sandbox)).is_empty(), "the update changed something");
    let back = rollback(&agent);
    assert_gone_back(&back);
    assert!(!back.message.contains("undone_forced"), "{}", back.message);
    assert_same(&before, &Snapshot::of(sandbox));
}

#[track_caller]
fn apt(sandbox: &Sandbox, args: &[&str]) {
    let output = sandbox.apt(args);
    assert!(output.status.success(), "{}", transcript(&output));
}
