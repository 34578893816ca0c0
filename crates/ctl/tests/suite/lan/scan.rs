//! `belayctl lan scan`: who is there, what they are, and how long it takes to know.

use belay_testkit::Sandbox;
use serde_json::{Value, json};

use super::world::*;
use crate::support::demo_sandbox;

#[test]
fn a_scan_of_a_whole_network_tells_agents_from_the_old_program_within_three_seconds() {
    let Some(lan) = Lan::new() else { return };
    let (open, locked, old) = (demo_sandbox(), Sandbox::new(), Sandbox::new());
    let (at_open, at_locked) = (lan.network.station(17), lan.network.station(203));
    let _agents = start_all([open_agent(&at_open, &open), locked_agent(&at_locked, &locked)]);
    let Some(_flask) = lan.flask(9, &old) else { return };
    let (_mute, _other) = (lan.stranger(30, "mute"), lan.stranger(31, "other"));
    let _nothing_listens = lan.network.station(40);

    let scan = lan.run(&["lan", "scan", "--json"]);
    let mut found = scan.exits(0).json();
    let took = found["duration_ms"].as_u64().unwrap();
    assert!(took < 3000, "254 addresses took {took} ms");
    found["duration_ms"] = Value::Null;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        found,
        json!({
            "devices": [
                {"address": "10.77.0.9:5000", "kind": "flask"},
                {
                    "address": "10.77.0.17:5000", "name": "device-17", "kind": "agent", "version": version, "generation": 0
                },
                {"address": "10.77.0.203:5000", "kind": "locked"},
            ],
            "networks": ["10.77.0.0/24"],
            "remarks": ["10.77.0.30:5000: it takes connections and says nothing: restart its update program"],
            "duration_ms": null,
        })
    );

    let kept = lan.run(&["lan", "scan", "--save"]);
    insta::assert_snapshot!(kept.exits(0).stdout.replace(version, "0.9.9"), @r"
    address      name       what                            generation  last
    10.77.0.9               old Flask program: cannot undo
    10.77.0.17   device-17  agent 0.9.9                     0
    10.77.0.203             agent, wants a token
    3 devices
    ");
    let file = lan.operator.home().join("config/belay/site.toml");
    kept.complains(&[&format!("kept in {}: 3 devices new", file.display())]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("address = \"10.77.0.9:5000\"\nkind = \"flask\""), "{text}");

    // A device that is switched off stays known.
    drop(_agents);
    let again = lan.run(&["lan", "scan", "--save"]);
    again.exits(0).complains(&["0 devices new, 2 devices not found now and kept"]);
}

#[test]
fn a_network_without_a_device_says_where_was_looked() {
    let Some(lan) = Lan::new() else { return };
    let scan = lan.run(&["lan", "scan", "--subnet", "10.77.0.240/29"]);
    assert!(scan.stderr.is_empty(), "{scan}");
    insta::assert_snapshot!(scan.exits(0).stdout, @r"
    no device found: asked was every address of 10.77.0.240/29
    is it switched on and in this network? An agent listens there once `control.listen` says so
    ");
}
