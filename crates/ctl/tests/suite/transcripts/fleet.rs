//! `belayctl channel …`, `deployment …` and `device …`, with real agents.

use super::*;

/// Somebody on whose server demo-app 2.0 and 3.0 are published.
fn begin(fleet: &Fleet) -> Transcript {
    let operator = fleet.operator();
    for version in ["2.0", "3.0"] {
        operator.write("list", format!("demo-app={version}\n"));
        let name = ["--device-type", "debian", "--distribution", "stable", "--version", version];
        operator.succeed(&[&["release", "publish", "list"], &name[..]].concat());
    }
    Transcript::of(operator)
}

const RELEASE: &str = "--device-type debian --distribution stable --version";

#[test]
fn channels_say_what_devices_should_run() {
    let fleet = Fleet::start();
    let mut transcript = begin(&fleet);
    transcript.run("channel list").exits(0);
    transcript.run(&format!("channel set {RELEASE} 2.0")).exits(0);
    transcript.run("channel off debian/stable").exits(0);
    transcript.json("channel on debian/stable");
    transcript.json("channel off debian/stable");
    transcript.run("channel on debian/stable").exits(0);
    transcript.json(&format!("channel set {RELEASE} 3.0"));
    transcript.run("channel list").exits(0);
    transcript.json("channel list");
    transcript.run("channel show debian/stable").exits(0);
    transcript.json("channel show debian/stable");
    transcript.remark("What is not published cannot be a target.");
    transcript.run(&format!("channel set {RELEASE} 9.9")).exits(2);
    transcript.run("channel delete debian/stable").exits(0);
    transcript.run(&format!("channel set {RELEASE} 2.0 --name night")).exits(0);
    transcript.json("channel delete debian/stable/night");
    transcript.compare("channel");
}

#[test]
fn a_release_goes_to_a_device_and_comes_back() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (_agent, _device) = fleet.join(&sandbox);
    let mut transcript = begin(&fleet);
    transcript
        .run(&format!("deployment create {RELEASE} 2.0 --strategy manual --name 'second of May' --dry-run"))
        .exits(0);
    transcript.json(&format!("deployment create {RELEASE} 2.0 --strategy manual --dry-run"));
    transcript.run(&format!("deployment create {RELEASE} 2.0 --strategy manual --name 'second of May'")).exits(0);
    transcript.run_quietly("deployment start latest --watch").exits(0);
    transcript.run("deployment list").exits(0);
    transcript.run("deployment show latest").exits(0);
    transcript.remark("Back to what the device had before.");
    transcript.run("deployment rollback latest").exits(0);
    transcript.run_quietly("deployment watch latest").exits(0);
    transcript.remark("The same for programs.");
    transcript.json(&format!("deployment create {RELEASE} 3.0 --strategy manual"));
    transcript.json_outline("deployment start latest");
    transcript.json_outline("deployment watch latest");
    transcript.json_outline("deployment show latest");
    transcript.json_outline("deployment list --status completed");
    transcript.json_outline("deployment rollback latest");
    transcript.compare("deployment");
}

#[test]
fn a_deployment_that_fails_says_so_and_is_tried_again() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (_agent, _device) = fleet.join(&sandbox);
    let mut transcript = begin(&fleet);
    transcript.operator().write("list", "demo-app=9.9\n");
    transcript.remark("No source of the device has this version.");
    transcript.run("release publish list --device-type debian --distribution stable --version 9.9").exits(0);
    transcript.run_quietly(&format!("deployment create {RELEASE} 9.9 --strategy manual --watch"));
    transcript.run_quietly("deployment retry latest").exits(0);
    transcript.run_quietly("deployment watch latest");
    transcript.json_outline("deployment retry latest");
    transcript.compare("deployment-failed");
}

#[test]
fn a_deployment_is_steered() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (agent, _device) = fleet.join(&sandbox);
    // Nothing moves, so that each order finds what the transcript shows.
    drop(agent);
    let mut transcript = begin(&fleet);
    transcript.run(&format!("deployment create {RELEASE} 2.0 --start --percent 50 --fail-over 5%")).exits(0);
    transcript.run("deployment pause latest").exits(0);
    transcript.run("deployment resume latest").exits(0);
    transcript.run("deployment expand latest").exits(0);
    transcript.run("deployment retry latest").exits(2);
    fleet.wait("/api/v1/deployments", "the offer", |page| page["items"][0]["buckets"]["offered"] == 1);
    transcript.remark("It goes on without its watcher.");
    transcript.run_quietly("deployment watch latest --timeout 1").exits(4);
    transcript.remark("What runs is not forgotten.");
    transcript.run("deployment delete latest").exits(2);
    transcript.run("deployment cancel latest").exits(0);
    fleet.wait("/api/v1/deployments", "the end", |page| page["items"][0]["buckets"]["skipped"] == 1);
    transcript.run_quietly("deployment watch latest").exits(3);
    transcript.run("deployment delete latest").exits(0);
    transcript.remark("The same for programs.");
    transcript.run(&format!("deployment create {RELEASE} 2.0 --strategy rolling --start")).exits(0);
    for order in ["pause", "resume", "expand", "cancel", "delete"] {
        transcript.json_outline(&format!("deployment {order} latest"));
    }
    transcript.compare("deployment-steered");
}

#[test]
fn devices_are_let_in_looked_at_and_shut_out() {
    let fleet = Fleet::with("enrolment.mode = \"approval\"");
    let (sandbox, second) = (demo_sandbox(), demo_sandbox());
    let (_first_agent, first) = fleet.apply(&sandbox);
    let (_second_agent, second) = fleet.apply(&second);
    let mut transcript = begin(&fleet);
    transcript.run("fleet").exits(0);
    transcript.run("device list --state pending").exits(0);
    transcript.remark("Nobody can be asked here.");
    transcript.run("device approve --all-pending").exits(1);
    transcript.run(&format!("device approve {first}")).exits(0);
    transcript.json(&format!("device approve {second}"));
    transcript.run(&format!("device tag {first} kitchen floor-2")).exits(0);
    transcript.json(&format!("device tag {first} --add lab --remove kitchen"));
    transcript.run(&format!("device move {second} --distribution beta")).exits(0);
    transcript.json(&format!("device move {second} --distribution stable"));
    transcript.run("device list --tag lab").exits(0);
    transcript.json("device list --tag lab");
    transcript.run(&format!("device show {first}")).exits(0);
    transcript.json(&format!("device show {first}"));

    transcript.remark("An update, what the device reported of it, and back.");
    transcript
        .run_quietly(&format!("deployment create {RELEASE} 2.0 --strategy manual --device {first} --watch"))
        .exits(0);
    transcript.run(&format!("device logs {first} --lines 1")).exits(0);
    transcript.json_outline(&format!("device logs {first} --lines 1"));
    transcript.run_quietly(&format!("device rollback {first}")).exits(0);
    transcript
        .run_quietly(&format!("deployment create {RELEASE} 3.0 --strategy manual --device {first} --watch"))
        .exits(0);
    transcript.json_outline(&format!("device rollback {first}"));

    transcript.remark("Shut out, and forgotten.");
    transcript.run(&format!("device revoke {first}")).exits(0);
    transcript.json(&format!("device revoke {second}"));
    transcript.run(&format!("device delete {first}")).exits(0);
    transcript.json(&format!("device delete {second}"));
    transcript.run("device show d_nobody").exits(2);
    transcript.compare("device");
}
