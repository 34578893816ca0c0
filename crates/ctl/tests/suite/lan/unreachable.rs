//! Devices that cannot be told anything: nothing was sent, it is said why, and nobody waits long for it.

use std::time::Instant;

use serde_json::Value;

use super::world::*;

/// How a push ended at an address.
pub(super) fn ended<'a>(answer: &'a Value, address: &str) -> &'a Value {
    let devices = answer["devices"].as_array().unwrap();
    devices.iter().find(|device| device["address"] == address).unwrap_or_else(|| panic!("no {address} in {answer:#}"))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long a person waits is what is tested")]
fn whoever_cannot_be_reached_is_said_so_with_the_reason_and_at_once() {
    let Some(lan) = Lan::new() else { return };
    let _refusing = lan.network.station(20);
    let dropping = lan.stranger(21, "stuck");
    dropping.station.ip("route add blackhole 10.77.0.1/32");
    let mute = lan.stranger(22, "mute");
    let other = lan.stranger(23, "other");

    let began = Instant::now();
    let hosts = ["10.77.0.20", "10.77.0.21", "10.77.0.22", "10.77.0.23", "10.77.0.250"];
    let push = lan.run(&[&["lan", "push", "demo-app", "--json", "--to"], &hosts[..]].concat());
    let took = began.elapsed();
    let answer = push.exits(5).json();
    assert!(took.as_secs() < 20, "{took:?}");
    for (address, why) in [
        ("10.77.0.20:5000", "connection refused"),
        ("10.77.0.21:5000", "no answer in time"),
        ("10.77.0.22:5000", "it takes connections and says nothing"),
        ("10.77.0.23:5000", "neither belay-agent nor the old Flask program"),
        ("10.77.0.250:5000", "does not answer"),
    ] {
        let ended = ended(&answer, address);
        let message = ended["message"].as_str().unwrap();
        assert_eq!(ended["outcome"], "unreachable", "{ended:#}");
        assert!(message.contains(why) && message.ends_with("nothing was sent"), "{address}: {message}");
    }
    for stranger in [&dropping, &mute, &other] {
        assert!(!stranger.said().contains("POST"), "{}: {}", stranger.address(), stranger.said());
    }
}

#[test]
fn an_old_device_that_fails_or_breaks_off_needs_a_person() {
    let Some(lan) = Lan::new() else { return };
    let (broken, cut) = (lan.stranger(50, "broken"), lan.stranger(51, "cut"));
    let push = lan.run(&["lan", "push", "demo-app", "--json", "--yes", "--to", "10.77.0.50", "10.77.0.51"]);
    let answer = push.exits(4).json();
    for (address, why) in [("10.77.0.50:5000", "answered 500"), ("10.77.0.51:5000", "the connection broke")] {
        let ended = ended(&answer, address);
        assert_eq!(ended["outcome"], "needs_attention", "{ended:#}");
        assert!(ended["message"].as_str().unwrap().contains(why), "{ended:#}");
    }
    // What may have arrived is never sent again.
    for stranger in [&broken, &cut] {
        assert_eq!(stranger.said().matches("POST /update").count(), 1, "{}", stranger.said());
    }
}

#[test]
fn who_is_meant_has_to_be_somebody() {
    let Some(lan) = Lan::new() else { return };
    let nobody = lan.run(&["lan", "push", "demo-app", "--to", "kitchen"]);
    nobody.exits(1).complains(&["kitchen is no address and no name of the site file", "belayctl lan scan --save"]);
    let list = lan.operator.write("list.txt", "demo-app\n--purge\n");
    let list = list.to_str().unwrap();
    let bad = lan.run(&["lan", "push", list, "--to", "10.77.0.9"]);
    bad.exits(1).complains(&["list.txt: line 2: "]);
    let empty =
        lan.run(&["lan", "push", lan.operator.write("empty.txt", "# nothing\n").to_str().unwrap(), "--to", "all"]);
    empty.exits(1).complains(&["empty.txt names no package"]);
}
