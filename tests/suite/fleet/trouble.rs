//! Devices die in the middle, servers go away and come back younger than they were: what is told is true, and told once.

use std::fs;

use belay_protocol::Reason;
use belay_protocol::job::JobState;
use belay_testkit::ownership::hand_over;
use belay_testkit::{Sandbox, Script, Snapshot, assert_same};
use serde_json::json;

use super::world::{Fleet, demo_of, ends, wait_link};
use crate::support::*;

/// demo-app 2.0 waits in its postinst until the test lets it go on.
fn slow_sandbox() -> Sandbox {
    let slow = demo("2.0").script(Script::Postinst, &stop_at("slow"));
    sandbox_with(&[demo("1.0"), slow, demo("3.0")], &["demo-app=1.0"])
}

#[test]
fn a_device_killed_while_it_applies_tells_the_truth_once() {
    let fleet = Fleet::start();
    let sandbox = slow_sandbox();
    let before = Snapshot::of(&sandbox);
    let (mut agent, device) = fleet.join(&sandbox);
    fleet.publish("2.0", &["demo-app=2.0"]);
    let id = fleet.deploy_to_all("2.0");
    wait_reached(&sandbox, "slow");
    agent.kill_tree();
    release(&sandbox, "slow");
    let _agent = agent.into_launch().start();
    fleet.wait(&id, "the device's end", |view| view["buckets"]["rolled_back"] == 1);
    let part = fleet.part(&id, &device);
    assert_eq!((&part["reason"], &part["attempt"]), (&json!("interrupted"), &json!(1)), "{part}");
    assert_eq!(ends(&fleet.reports(&device, &id)), ["rolled_back"]);
    assert_same(&before, &Snapshot::of(&sandbox));
    assert!(fleet.device(&device)["profile"]["installed"]["release"].is_null());
}

#[test]
fn a_server_that_was_away_during_an_update_hears_of_its_end_once() {
    let mut fleet = Fleet::start();
    let sandbox = slow_sandbox();
    let (agent, device) = fleet.join(&sandbox);
    fleet.publish("2.0", &["demo-app=2.0"]);
    let id = fleet.deploy_to_all("2.0");
    wait_reached(&sandbox, "slow");
    let away = fleet.kill();
    release(&sandbox, "slow");
    let end = wait_idle(&agent).expect("a job ended");
    assert_committed(&end);
    wait_link(&agent, "the server to be missed", |link| link.last_error.is_some());
    fleet.server = Some(away.start());
    fleet.wait_status(&id, "completed");
    assert_eq!(ends(&fleet.reports(&device, &id)), ["completed"]);
    assert_eq!(demo_of(&sandbox), "2.0");
}

#[test]
fn a_server_restored_from_an_older_copy_goes_on_with_its_devices() {
    let mut fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (agent, device) = fleet.join(&sandbox);
    let copy = fleet.folder.path().join("copy.db");
    let made = fleet.server().cli(&["backup", copy.to_str().expect("a path is text")]);
    assert!(made.status.success(), "{made:?}");
    fleet.publish("2.0", &["demo-app=2.0"]);
    let forgotten = fleet.deploy_to_all("2.0");
    fleet.wait_status(&forgotten, "completed");
    assert!(!fleet.reports(&device, &forgotten).is_empty());

    let away = fleet.kill();
    let state = fleet.folder.path().join("state");
    for left in ["belay.db-wal", "belay.db-shm"] {
        let _ = fs::remove_file(state.join(left));
    }
    fs::rename(&copy, state.join("belay.db")).expect("a copy replaces the database");
    hand_over(&state.join("belay.db"));
    fleet.server = Some(away.start());
    let shown = fleet.send("GET", &format!("/api/v1/deployments/{forgotten}"), &serde_json::Value::Null);
    assert_eq!(shown.status, 404, "it is older than that: {}", shown.text());

    // What is installed is measured, so the server learns it anew; the next release goes its usual way.
    belay_testkit::wait_until("what is installed", PATIENCE, || {
        (fleet.device(&device)["profile"]["installed"]["release"] == "2.0").then_some(())
    });
    fleet.publish("3.0", &["demo-app=3.0"]);
    let id = fleet.deploy_to_all("3.0");
    fleet.wait_status(&id, "completed");
    assert_eq!(ends(&fleet.reports(&device, &id)), ["completed"]);
    assert_eq!(demo_of(&sandbox), "3.0");
    wait_link(&agent, "a link without a complaint", |link| link.last_error.is_none());
    assert_end(&rollback(&agent), JobState::RolledBack, None::<Reason>);
}
