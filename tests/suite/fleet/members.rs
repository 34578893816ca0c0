//! Who belongs to the fleet: let in by a person, shut out, or looked at because two machines claim to be one device.

use belay_testkit::ownership::{create_dir, write};
use belay_testkit::wait_until;
use serde_json::json;

use super::proxy::Proxy;
use super::world::{Fleet, demo_of, wait_link};
use crate::support::*;

#[test]
fn a_device_that_asks_waits_until_a_person_lets_it_in_and_is_served_then() {
    let fleet = Fleet::with("[enrolment]\nmode = \"approval\"");
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).start();
    let enrolled = agent.cli(&["enrol", "--server", &fleet.server().url()]);
    assert!(enrolled.status.success(), "{enrolled:?}");
    let link = wait_link(&agent, "the first poll", |link| link.last_contact.is_some());
    assert_eq!(link.authorized, Some(false));
    let device = link.device.expect("it has a name").to_string();
    assert_eq!(fleet.device(&device)["state"], "pending");
    fleet.publish("2.0", &["demo-app=2.0"]);
    let release = json!({"device_type": "debian", "distribution": "stable", "version": "2.0"});
    let body = json!({"release": release, "strategy": {"kind": "immediate"}});
    let refused = fleet.send("POST", "/api/v1/deployments", &body);
    assert_eq!(refused.status, 422, "it selects nobody yet: {}", refused.text());

    fleet.ask("POST", &format!("/api/v1/devices/{device}/approve"), &serde_json::Value::Null);
    wait_link(&agent, "the news", |link| link.authorized == Some(true));
    let made = fleet.ask("POST", "/api/v1/deployments", &body);
    fleet.wait_status(made["id"].as_str().expect("a name"), "completed");
    assert_eq!(demo_of(&sandbox), "2.0");
}

#[test]
fn a_device_that_was_shut_out_gets_nothing_and_goes_on_by_itself() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (agent, device) = fleet.join(&sandbox);
    fleet.publish("2.0", &["demo-app=2.0"]);
    fleet.ask("POST", &format!("/api/v1/devices/{device}/revoke"), &serde_json::Value::Null);
    let link = wait_link(&agent, "the refusal", |link| link.last_error.is_some());
    assert_says(&link.last_error.unwrap_or_default(), &["shut out"]);
    let release = json!({"device_type": "debian", "distribution": "stable", "version": "2.0"});
    let body = json!({"release": release, "strategy": {"kind": "immediate"}});
    assert_eq!(fleet.send("POST", "/api/v1/deployments", &body).status, 422);
    assert_committed(&update(&agent, &["demo-app=3.0"]));
    assert_eq!(demo_of(&sandbox), "3.0");
}

#[test]
fn an_identity_copied_to_another_machine_is_quarantined_until_a_person_has_looked() {
    let fleet = Fleet::start();
    let sandbox = demo_sandbox();
    let (agent, device) = fleet.join(&sandbox);
    let hardware = fleet.device(&device)["profile"]["facts"]["hardware"].as_str().unwrap_or_default().to_owned();
    assert!(!hardware.is_empty(), "this machine says what it is");

    // There is but one machine here, so the other one's hardware is changed on the wire.
    let other: String = hardware.chars().rev().collect();
    assert_ne!(other, hardware);
    let address = fleet.server().url().trim_start_matches("http://").parse().expect("an address");
    let proxy = Proxy::changing(address, move |bytes| {
        String::from_utf8(bytes)
            .map_or_else(|error| error.into_bytes(), |text| text.replace(&hardware, &other).into_bytes())
    });
    let identity = sandbox.state_dir().join("daemon/identity.json");
    let identity = std::fs::read_to_string(identity).expect("it enrolled");
    let clone = demo_sandbox();
    create_dir(&clone.state_dir().join("daemon"));
    write(&clone.state_dir().join("daemon/identity.json"), identity.replace(&fleet.server().url(), &proxy.url()));
    let twin = launch(&clone).server(&proxy.url()).start();
    wait_link(&twin, "its first poll", |link| link.last_contact.is_some());
    // Its tag is made before the wire, so it has to differ in something else to send what it is.
    assert_committed(&update(&twin, &["demo-app=2.0"]));
    wait_until("the quarantine", PATIENCE, || (fleet.device(&device)["state"] == "quarantined").then_some(()));
    assert_says(fleet.device(&device)["problem"].as_str().unwrap_or_default(), &["two machines"]);
    for machine in [&agent, &twin] {
        wait_link(machine, "the news", |link| link.authorized == Some(false));
    }

    // One of them is switched off, a person has looked.
    drop(twin);
    fleet.ask("POST", &format!("/api/v1/devices/{device}/approve"), &serde_json::Value::Null);
    wait_link(&agent, "the news", |link| link.authorized == Some(true));
    assert_eq!(fleet.device(&device)["state"], "authorized");
}
