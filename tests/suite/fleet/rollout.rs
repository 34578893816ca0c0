//! Releases go out by canary, stop by themselves, are called off and taken back: three real devices.

use std::io::Write;

use belay_testkit::ownership::write;
use belay_testkit::{Agent, Sandbox, Snapshot, assert_same, wait_until};
use serde_json::{Value, json};

use super::world::{Fleet, demo_of, ends};
use crate::support::*;

/// demo-app 1.0 is installed; 2.0 needs a library that is not there yet.
fn three_devices() -> [Sandbox; 3] {
    let debs = [demo("1.0"), demo("2.0").depends("demo-lib (>= 1.0)"), package("demo-lib", "1.0")];
    let first = sandbox_with(&debs, &["demo-app=1.0"]);
    let (second, third) = (Sandbox::copy_of(&first), Sandbox::copy_of(&first));
    [first, second, third]
}

fn join_all<'a>(fleet: &Fleet, sandboxes: &'a [Sandbox; 3]) -> [(Agent<'a>, String); 3] {
    sandboxes.each_ref().map(|sandbox| fleet.join(sandbox))
}

fn canary() -> Value {
    json!({"kind": "canary", "percent": 34})
}

#[test]
fn a_release_goes_to_one_then_to_all_in_exactly_its_versions_and_back_from_all() {
    let fleet = Fleet::start();
    let sandboxes = three_devices();
    let before = sandboxes.each_ref().map(Snapshot::of);
    let agents = join_all(&fleet, &sandboxes);
    fleet.publish("2.0", &["demo-app"]);
    let id = fleet.deploy("2.0", canary(), json!({}));
    let view = fleet.wait(&id, "the canary's end", |view| view["buckets"]["completed"] == 1);
    assert!(view["frozen_by"].is_string(), "{view}");
    let mut versions = sandboxes.each_ref().map(demo_of);
    versions.sort();
    assert_eq!(versions, ["1.0", "1.0", "2.0"]);

    // Every archive goes on; what was tried goes to the rest.
    for sandbox in &sandboxes {
        sandbox.repository().publish(&[demo("3.0").depends("demo-lib (>= 2.0)"), package("demo-lib", "2.0")]);
    }
    fleet.steer(&id, "expand");
    fleet.wait_status(&id, "completed");
    for sandbox in &sandboxes {
        assert_eq!(demo_of(sandbox), "2.0");
        assert_eq!(sandbox.installed_version("demo-lib").as_deref(), Some("1.0"));
    }
    for (_, device) in &agents {
        assert_eq!(ends(&fleet.reports(device, &id)), ["completed"]);
        assert_eq!(fleet.device(device)["profile"]["installed"]["release"], "2.0", "as measured");
        assert_eq!(fleet.device(device)["fleet_state"], "UP_TO_DATE");
    }

    let back = fleet.steer(&id, "rollback")["id"].as_str().expect("another deployment").to_owned();
    assert_ne!(back, id);
    fleet.wait_status(&back, "completed");
    for ((sandbox, before), (_, device)) in sandboxes.iter().zip(&before).zip(&agents) {
        assert_same(before, &Snapshot::of(sandbox));
        assert_eq!(ends(&fleet.reports(device, &back)), ["completed"]);
        assert!(fleet.device(device)["profile"]["installed"]["release"].is_null());
    }
}

#[test]
fn a_device_whose_archive_lacks_a_frozen_version_says_so_and_is_not_changed() {
    let fleet = Fleet::start();
    let sandboxes = three_devices();
    let agents = join_all(&fleet, &sandboxes);
    fleet.publish("2.0", &["demo-app"]);
    let id = fleet.deploy("2.0", canary(), json!({"max_failure_percent": 100, "min_success_percent": 50}));
    fleet.wait(&id, "the canary's end", |view| view["buckets"]["completed"] == 1);
    let without = sandboxes.iter().position(|sandbox| demo_of(sandbox) == "1.0").expect("two have not got it yet");
    let repository = sandboxes[without].repository();
    repository.retract("demo-app", "2.0");
    repository.publish(&[demo("3.0")]);
    let before = Snapshot::of(&sandboxes[without]);
    fleet.steer(&id, "expand");
    fleet.wait_status(&id, "completed");
    let device = &agents[without].1;
    let part = fleet.part(&id, device);
    assert_eq!((&part["status"], &part["reason"]), (&json!("failed"), &json!("closure_unavailable")), "{part}");
    assert_eq!(ends(&fleet.reports(device, &id)), ["failed"]);
    assert_same(&before, &Snapshot::of(&sandboxes[without]));
    let updated = sandboxes.iter().filter(|sandbox| demo_of(sandbox) == "2.0").count();
    assert_eq!(updated, 2);
}

#[test]
fn a_release_that_makes_its_canary_ill_halts_and_reaches_nobody_else() {
    let fleet = Fleet::start();
    let sandboxes = three_devices();
    let before = sandboxes.each_ref().map(Snapshot::of);
    let _agents =
        sandboxes.each_ref().map(|sandbox| fleet.join_as(fleet.launch(sandbox).toml(&check_against_2_0(sandbox))));
    fleet.publish("2.0", &["demo-app"]);
    let id = fleet.deploy("2.0", canary(), json!({}));
    let view = fleet.wait_status(&id, "halted");
    assert_says(view["reason"].as_str().unwrap_or_default(), &["1 of 1"]);
    let parts = fleet.parts(&id);
    let tried: Vec<_> = parts.iter().filter(|part| part["attempt"] != 0).collect();
    assert_eq!(tried.len(), 1, "{parts:#?}");
    assert_eq!((&tried[0]["status"], &tried[0]["reason"]), (&json!("rolled_back"), &json!("unhealthy")));
    for (sandbox, before) in sandboxes.iter().zip(&before) {
        assert_same(before, &Snapshot::of(sandbox));
    }
}

#[test]
fn a_device_that_has_not_begun_to_apply_obeys_a_cancel() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let (agent, device) = fleet.join(&sandbox);
    // A package source that takes its time: planning hangs until the pipe is gone.
    let release_file = sandbox.repository().dir().join("Release");
    let text = std::fs::read(&release_file).expect("the repository has one");
    std::fs::remove_file(&release_file).expect("it was there");
    belay_testkit::command::succeed(belay_testkit::command::command("mkfifo").arg(&release_file));
    fleet.publish("2.0", &["demo-app=2.0"]);
    let id = fleet.deploy_to_all("2.0");
    fleet.wait(&id, "the device at work", |view| view["buckets"]["downloading"] == 1);
    fleet.steer(&id, "cancel");
    wait_until("the job to be told", PATIENCE, || status(&agent).job.filter(|job| job.message.contains("stopping")));
    // Whoever reads the pipe gets the text; whoever comes later, the file.
    let mut pipe = std::fs::File::options().write(true).open(&release_file).expect("somebody reads it");
    std::fs::remove_file(&release_file).expect("it was there");
    write(&release_file, &text);
    pipe.write_all(&text).expect("somebody reads it");
    drop(pipe);
    let view = fleet.wait(&id, "the device's obedience", |view| view["buckets"]["skipped"] == 1);
    assert_eq!(view["status"], "cancelled");
    assert_eq!(ends(&fleet.reports(&device, &id)), ["skipped"]);
    assert_same(&before, &Snapshot::of(&sandbox));
}
