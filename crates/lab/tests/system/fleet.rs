//! A device and the server's own package, each on a system of its own, in one network.

use belay_lab::{Container, OurDeb, Suite};

use crate::device::Lab;
use crate::packages::demo;

#[test]
fn a_device_enrols_and_installs_what_the_server_brings_it() {
    let lab = Lab::offering(&[demo("2.0")]);
    lab.archive.take_in(&[OurDeb::built("belay-server").file(), OurDeb::built("belayctl").file()]);
    let server = server(&lab);
    let device = lab.device();
    let token = word(&server.sh(&as_server("enrolment-token create --name installers")), "belay_enrol_");
    device.agent(0, &format!("enrol --server {URL} --token {token} --device-type box --distribution stable"));
    let operator = word(&server.sh(&as_server("token create --name operator --permission admin:full")), "belay_op_");
    let ctl = |arguments: &str| server.sh(&format!("BELAY_SERVER={URL} BELAY_TOKEN={operator} belayctl {arguments}"));

    server.root().write("/srv/demo.list", "demo=2.0\n");
    let ring = "--device-type box --distribution stable --version 2.0";
    ctl(&format!("release publish /srv/demo.list {ring}"));
    let made = ctl(&format!("deployment create {ring} --strategy immediate"));
    let id = made.split_whitespace().next().expect("it says the deployment's number").to_owned();
    ctl(&format!("deployment watch {id}"));
    assert_eq!(device.demo(), "ii 2.0 2.0");
    let shown: serde_json::Value = serde_json::from_str(&ctl(&format!("--json deployment show {id}"))).expect("JSON");
    assert_eq!(shown["deployment"]["status"], "completed", "{shown}");

    let listed = ctl("--json device list");
    assert!(!listed.contains("OUTDATED"), "{listed}");

    let root = server.power_off();
    device.agent(0, "rollback");
    assert_eq!(device.demo(), "ii 1.0 1.0");
    let server = Container::boot(&root);
    let lists = format!("BELAY_SERVER={URL} BELAY_TOKEN={operator} belayctl --json device list");
    server.wait("news of a way back taken meanwhile", &format!("{lists} | grep -q '\"fleet_state\": \"OUTDATED\"'"));
}

/// A system with the server's package as it comes, polled by its devices each second.
fn server(lab: &Lab) -> Container {
    let root = lab.debian("server", Suite::Trixie);
    root.install(&["belay-server", "belayctl"]);
    root.write("/etc/belay/server.toml.d/50-test.toml", "[devices]\npoll_s = 1\n");
    let server = Container::boot(&root);
    assert_eq!(server.sh("systemctl --failed --no-legend --plain"), "", "units failed at boot");
    assert_eq!(server.unit("belay-server", "ActiveState"), "active");
    let pid = server.unit("belay-server", "MainPID");
    assert_eq!(
        server.sh(&format!("stat -c %U /proc/{pid}; stat -c '%a %U' /var/lib/belay-server")),
        "belay-server\n700 belay-server\n"
    );
    server
}

fn as_server(arguments: &str) -> String {
    format!("runuser -u belay-server -- belay-server {arguments}")
}

#[track_caller]
fn word(text: &str, start: &str) -> String {
    let found = text.split_whitespace().find(|word| word.starts_with(start));
    found.unwrap_or_else(|| panic!("no {start} in {text}")).to_owned()
}

const URL: &str = "http://127.0.0.1:8080";
