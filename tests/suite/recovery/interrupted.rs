//! The power goes away while dpkg works: every state that it leaves is repaired.

use std::collections::BTreeMap;
use std::fs;

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::{Deb, Sandbox, Script, Snapshot, assert_same};

use super::{assert_interrupted, cut_in_postinst, last, sandbox_that_stops};
use crate::support::*;

#[test]
fn half_configured_and_unpacked_packages_go_back_after_a_power_cut() {
    let lib = package("demo-lib", "2.0").script(Script::Postinst, &stop_at("here"));
    let app = demo("2.0").depends("demo-lib (>= 2.0)");
    cut_at_here(&[demo("1.0"), package("demo-lib", "1.0"), app, lib], "demo-app unpacked\ndemo-lib half-configured\n");
}

#[test]
fn a_half_installed_package_goes_back_after_a_power_cut() {
    let old = demo("1.0").script(Script::Postrm, &format!("test \"$1\" != upgrade || {{\n{}}}", stop_at("here")));
    cut_at_here(
        &[old, demo("2.0"), package("demo-lib", "1.0")],
        "demo-app reinstreq half-installed\ndemo-lib installed\n",
    );
}

#[test]
fn a_package_that_awaits_a_trigger_goes_back_after_a_power_cut() {
    let watcher = |name: &str| {
        package(name, "1.0")
            .triggers("interest /usr/share/watched")
            .script(Script::Postinst, &format!("test \"$1\" != triggered || {{\n{}}}", stop_at("here")))
    };
    let app = demo("2.0").file("/usr/share/watched/news", "2.0");
    cut_at_here(
        &[demo("1.0"), app, watcher("demo-lib").depends("demo-other"), watcher("demo-other")],
        "demo-app triggers-awaited\ndemo-lib half-configured\ndemo-other triggers-pending\n",
    );
}

#[test]
fn a_package_whose_trigger_was_interrupted_goes_back_after_a_power_cut() {
    let lib = package("demo-lib", "1.0")
        .triggers("interest /usr/share/watched")
        .script(Script::Postinst, &format!("test \"$1\" != triggered || {{\n{}}}", stop_at("here")));
    cut_at_here(
        &[demo("1.0"), demo("2.0").file("/usr/share/watched/news", "2.0"), lib],
        "demo-app installed\ndemo-lib half-configured\n",
    );
}

#[test]
fn a_new_package_that_was_half_installed_goes_after_a_power_cut() {
    let new = package("demo-new", "1.0").script(Script::Preinst, &stop_at("here"));
    let debs = [demo("1.0"), demo("2.0").depends("demo-new"), package("demo-lib", "1.0"), new];
    cut_at_here(&debs, "demo-app installed\ndemo-lib installed\ndemo-new reinstreq half-installed\n");
}

#[test]
fn a_rollback_that_was_interrupted_is_taken_up_at_the_next_start() {
    let old = demo("1.0").script(Script::Postinst, &format!("test -z \"$2\" || {{\n{}}}", stop_at("back")));
    let sandbox = sandbox_with(&[old, demo("2.0")], &["demo-app=1.0"]);
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    begin(&agent, "/rollback", &serde_json::json!({}));
    wait_reached(&sandbox, "back");
    agent.kill_tree();
    release(&sandbox, "back");
    let agent = agent.into_launch().start();
    assert_gone_back(&last(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!((status(&agent).generation, rollback_file(&sandbox)), (Generation(0), None));
}

#[test]
fn a_second_power_cut_while_recovering_changes_nothing_of_the_outcome() {
    let old = demo("1.0").script(Script::Postinst, &format!("test -z \"$2\" || {{\n{}}}", stop_at("back")));
    let new = demo("2.0").script(Script::Postinst, &stop_at("forth"));
    let sandbox = sandbox_with(&[old, new], &["demo-app=1.0"]);
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "forth");
    agent.kill_tree();
    release(&sandbox, "forth");
    let mut agent = agent.into_launch().spawn();
    wait_reached(&sandbox, "back");
    agent.kill_tree();
    release(&sandbox, "back");
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn an_agent_that_dies_alone_waits_for_the_apt_that_it_left_behind() {
    let sandbox = sandbox_that_stops();
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    agent.kill();
    let mut agent = agent.into_launch().spawn();
    agent.wait_log("closing it", PATIENCE);
    release(&sandbox, "postinst");
    agent.wait_ready();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn a_stop_by_the_service_manager_lets_the_step_under_way_end() {
    let sandbox = sandbox_that_stops();
    let mut agent = launch(&sandbox).start();
    begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "postinst");
    agent.signal(nix::sys::signal::Signal::SIGTERM);
    release(&sandbox, "postinst");
    assert!(agent.wait_exit().success());
    let agent = agent.into_launch().start();
    let job = last(&agent);
    assert_end(&job, JobState::Committed, None);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
}

#[test]
fn an_update_that_was_cut_is_not_taken_for_good_afterwards() {
    let sandbox = sandbox_that_stops();
    let mut agent = launch(&sandbox).start();
    cut_in_postinst(&mut agent, &sandbox);
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_end(&rollback(&agent), JobState::Refused, Some(Reason::NothingToUndo));
    assert_committed(&update(&agent, &["demo-app=3.0"]));
}

/// Updates demo-app to 2.0, cuts the power where a script stands at `here`, asserts what dpkg left, and recovers.
#[track_caller]
fn cut_at_here(debs: &[Deb], left: &str) {
    let sandbox = sandbox_with(debs, &["demo-app=1.0", "demo-lib=1.0"]);
    let before = Snapshot::of(&sandbox);
    let mut agent = launch(&sandbox).start();
    begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "here");
    agent.kill_tree();
    assert_eq!(states(&sandbox), left);
    release(&sandbox, "here");
    let agent = agent.into_launch().start();
    assert_interrupted(&agent);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert_eq!((status(&agent).generation, rollback_file(&sandbox)), (Generation(0), None));
    // The device is not merely repaired: the next update and its undo work.
    let again = serde_json::json!({ "packages": ["demo-app=2.0"], "approve": ["denied"] });
    assert_committed(&ask_job(&agent, "/update", &again));
    assert_gone_back(&rollback(&agent));
    assert_same(&before, &Snapshot::of(&sandbox));
}

/// What dpkg holds of each package: its status file, and on top the journal that nobody has folded into it.
fn states(sandbox: &Sandbox) -> String {
    let database = sandbox.path("var/lib/dpkg");
    let mut files: Vec<_> = fs::read_dir(database.join("updates")).expect("dpkg has a journal").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut texts = vec![fs::read_to_string(database.join("status")).expect("dpkg has a status file")];
    texts.extend(files.iter().map(|file| fs::read_to_string(file.path()).unwrap_or_default()));
    let mut states = BTreeMap::new();
    for stanza in texts.iter().flat_map(|text| text.split("\n\n")) {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let (Some(package), Some(status)) = (field("Package"), field("Status")) {
            states.insert(package.to_owned(), status.trim_start_matches("install ").replace("ok ", ""));
        }
    }
    states.iter().map(|(package, state)| format!("{package} {state}\n")).collect()
}
