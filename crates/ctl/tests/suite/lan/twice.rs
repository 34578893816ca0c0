//! A device that answers at two addresses, as one with a cable and a radio does: an order reaches it once.

use belay_testkit::Sandbox;
use belay_testkit::ownership::write_with_mode;

use super::unreachable::ended;
use super::world::*;
use crate::support::demo;

const BOTH: [&str; 2] = ["10.77.0.70", "10.77.0.71"];

const LISTEN: &str = "listen = [\"10.77.0.70:5000\", \"10.77.0.71:5000\"]";

/// Updates a device twice at both addresses, takes it back at both, and looks how far it went.
fn goes_back_one_update(lan: &Lan, doors: impl FnOnce(&Sandbox) -> String, options: &[&str]) {
    let station = lan.network.station(70);
    station.ip("addr add 10.77.0.71/24 dev eth0");
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[demo("1.0"), demo("2.0"), demo("3.0")]);
    sandbox.install(&["demo-app=1.0"]);
    let doors = doors(&sandbox);
    let _agents = start_all([agent(&station, &sandbox).control(&doors)]);
    for version in ["demo-app=2.0", "demo-app=3.0"] {
        let pushed = lan.run(&[&["lan", "push", version, "--json", "--to"], &BOTH[..], options].concat());
        assert_eq!(pushed.exits(0).json()["done"], 2, "{pushed}");
    }
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("3.0"));
    let back = lan.run(&[&["lan", "rollback", "--json", "--to"], &BOTH[..], options].concat());
    let answer = back.exits(0).json();
    for address in BOTH {
        let message = &ended(&answer, &format!("{address}:5000"))["message"];
        assert!(message.as_str().unwrap().starts_with("went back"), "{answer:#}");
    }
    let version = sandbox.installed_version("demo-app");
    assert_eq!(version.as_deref(), Some("2.0"), "it went back further than one update: {answer:#}");
}

#[test]
fn without_a_token_a_device_at_two_addresses_goes_back_one_update() {
    let Some(lan) = Lan::new() else { return };
    goes_back_one_update(&lan, |_| format!("{LISTEN}\nlegacy = [\"10.77.0.0/24\"]"), &[]);
}

#[test]
fn with_a_token_a_device_at_two_addresses_goes_back_one_update() {
    let Some(lan) = Lan::new() else { return };
    let secret = lan.operator.write_secret("token", TOKEN);
    let doors = |sandbox: &Sandbox| {
        let token = sandbox.run_dir().join("token");
        write_with_mode(&token, format!("{TOKEN}\n"), 0o640);
        format!("{LISTEN}\ntoken_file = {token:?}\nplain_tokens = true")
    };
    goes_back_one_update(&lan, doors, &["--token-file", secret.to_str().unwrap(), "--plain-http"]);
}

#[test]
fn devices_that_share_a_name_are_each_told() {
    let Some(lan) = Lan::new() else { return };
    let sandboxes = [(); 2].map(|()| {
        let sandbox = Sandbox::new();
        sandbox.repository().publish(&[demo("1.0"), demo("2.0")]);
        sandbox.install(&["demo-app=1.0"]);
        sandbox
    });
    let stations = [70, 71].map(|number| lan.network.station(number));
    for station in &stations {
        assert!(station.door().through_as_root("hostname").arg("raspberrypi").status().unwrap().success());
    }
    let _agents = start_all(stations.iter().zip(&sandboxes).map(|(station, sandbox)| open_agent(station, sandbox)));
    for (words, version) in [(&["push", "demo-app=2.0"][..], "2.0"), (&["rollback"], "1.0")] {
        let ran = lan.run(&[&["lan"], words, &["--json", "--to"], &BOTH[..]].concat());
        assert_eq!(ran.exits(0).json()["done"], 2, "{ran}");
        for sandbox in &sandboxes {
            assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some(version));
        }
    }
}
