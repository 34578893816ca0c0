//! Versions on the device: the way back to each, and what is kept to install again.

use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_protocol::local::Bundles;
use belay_testkit::Agent;
use belay_testkit::http::Endpoint;
use serde_json::json;

use super::world::*;
use crate::support::*;

fn kept(agent: &Agent<'_>) -> Vec<(String, bool)> {
    let bundles: Bundles = read(&Endpoint::Unix(agent.socket()).get("/bundles"));
    bundles.bundles.into_iter().map(|bundle| (bundle.version.to_string(), bundle.in_force)).collect()
}

#[test]
fn a_version_two_back_is_reached_offline() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&install(&agent, &recorder("2.33.06")));
    let first = exact(&sandbox);
    assert_committed(&install(&agent, &recorder("2.33.07")));
    assert_committed(&install(&agent, &recorder("2.33.08")));
    let job = ask_job(&agent, "/rollback", &json!({ "to_version": "2.33.06" }));
    assert_gone_back(&job);
    assert_eq!(program(&sandbox), "recorder 2.33.06");
    assert_same_files(&first, &exact(&sandbox));
    assert_eq!(status(&agent).generation, Generation(1));
}

#[test]
fn a_version_that_is_no_generation_any_more_is_installed_again_from_what_is_kept() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&install(&agent, &recorder("1.1")));
    assert_committed(&install(&agent, &recorder("1.2")));
    assert_gone_back(&rollback(&agent));
    assert_eq!(kept(&agent), [("1.2".to_owned(), false), ("1.1".to_owned(), true)]);
    let job = ask_job(&agent, "/rollback", &json!({ "to_version": "1.2" }));
    assert_committed(&job);
    assert_eq!(program(&sandbox), "recorder 1.2");
}

#[test]
fn a_version_that_nobody_has_is_refused_by_name() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    let answer = ask(&agent, "/rollback", &json!({ "to_version": "9" }));
    assert_eq!(answer.status, 409, "{}", answer.text());
}

#[test]
fn bundles_beyond_the_cap_go_but_never_the_one_in_force() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).toml("[bundle]\nkeep_mb = 0").start();
    assert_committed(&install(&agent, &recorder("1.1")));
    assert_committed(&install(&agent, &recorder("1.2")));
    assert_eq!(kept(&agent), [("1.2".to_owned(), true)]);
    assert_gone_back(&rollback(&agent));
    assert_eq!(program(&sandbox), "recorder 1.1", "going back needs no kept bundle");
}

#[test]
fn the_same_bundle_again_is_installed_again() {
    let sandbox = recorder_sandbox();
    let agent = launch(&sandbox).start();
    assert_committed(&install(&agent, &recorder("1.1")));
    belay_testkit::ownership::write(&sandbox.path("etc/recorder/recorder.conf"), "broken\n");
    let again = install(&agent, &recorder("1.1"));
    assert_end(&again, JobState::Committed, None);
    let conf = std::fs::read_to_string(sandbox.path("etc/recorder/recorder.conf")).expect("it is there");
    assert_eq!(conf, "version = 1.1\n");
    let _ = Reason::Drift;
}
