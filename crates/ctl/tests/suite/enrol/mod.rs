//! `enrol bulk`: real SSH servers, real agents behind them, and everything that can be wrong with one of many devices.

mod approve;
mod sshd;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use belay_testkit::authority::{Authority, Validity};
use belay_testkit::http::Endpoint;
use belay_testkit::scripted::{Received, Reply, ScriptedServer};
use belay_testkit::{Deb, Launch, Sandbox, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Fleet, Operator, PATIENCE, Ran, binary, skipped};
use sshd::{Device, Keys, free_port, user};

/// A device that nobody knows yet: its agent runs and has no server.
fn launch(sandbox: &Sandbox) -> Launch<'_> {
    Launch::new(sandbox, &binary("belay-agent"))
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 44, number)
}

/// A table as the old script reads it.
fn table(operator: &Operator, numbers: impl IntoIterator<Item = u8>) {
    let rows = numbers.into_iter().map(|number| format!("{},device-{number:03}\r\n", address(number)));
    operator.write("devices.csv", format!("IP,Hostname\r\n{}", rows.collect::<String>()));
}

/// The words that every run here needs, after `enrol bulk`.
fn words(operator: &Operator, keys: &Keys, port: u16, more: &[&str]) -> Vec<String> {
    let known_hosts = format!("UserKnownHostsFile={}", operator.path("known_hosts").display());
    let port = port.to_string();
    let (user, identity) = (user(), keys.identity());
    let mut words = vec!["enrol", "bulk", "--user", &user, "--port", &port, "--identity", &identity];
    words.extend(["--ssh-option", &known_hosts, "--ssh-option", "IdentitiesOnly=yes"]);
    words.extend(more);
    words.into_iter().map(str::to_owned).collect()
}

fn run(operator: &Operator, words: &[String]) -> Ran {
    operator.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The tokens that were made for a run.
fn tokens_of_runs(fleet: &Fleet) -> Vec<Value> {
    let tokens = fleet.ask("GET", "/api/v1/enrolment-tokens", &Value::Null);
    let tokens = tokens["items"].as_array().cloned().unwrap_or_default();
    tokens.into_iter().filter(|token| token["name"] == "belayctl enrol bulk").collect()
}

/// What came of each device, and why.
fn results(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let devices = answer.as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    devices.iter().map(|device| (text(&device["result"]), text(&device["reason"]))).collect()
}

#[test]
fn a_table_is_enrolled_over_ssh_and_each_device_says_what_came_of_it() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port) = (Fleet::start(), free_port());
    let operator = fleet.operator();
    let sandboxes = [Sandbox::new(), Sandbox::new()];
    let agents = sandboxes.each_ref().map(|sandbox| launch(sandbox).start());

    // One is new, one is enrolled already, one has another key, one has no agent, one is down, one hangs, and the sudo of
    // one wants a password.
    let devices: Vec<Device> = (1..=4).map(|number| Device::start(&keys, address(number), port, &[])).collect();
    for (device, sandbox) in devices.iter().zip(&sandboxes) {
        device.install_agent(&binary("belay-agent"), &launch(sandbox).write_config());
    }
    let before = agents[1].cli(&["enrol", "--server", &fleet.url(), "--token", fleet.enrolment()]);
    assert!(before.status.success(), "{before:?}");
    devices[2].lets_in(&keys, false);
    let asks = Device::start(&keys, address(7), port, &[]);
    asks.sudo_wants_a_password();
    let _hangs = TcpListener::bind((address(6), port)).unwrap();

    table(&operator, 1..=7);
    let more =
        ["--accept-new-host-keys", "--timeout", "15", "--ssh-option", "ConnectTimeout=3", "--device-type", "cam"];
    let more = [&more[..], &["--distribution", "beta", "devices.csv", "--json"]].concat();
    let ran = run(&operator, &words(&operator, &keys, port, &more));
    ran.exits(3);
    let expected = [
        ("enrolled", ""),
        ("was_enrolled", ""),
        ("failed", "Permission denied"),
        ("failed", "belay-agent is not installed there: give --install FILE.deb"),
        ("unreachable", "Connection refused"),
        ("unreachable", "timed out"),
        ("failed", "sudo: a password is required; log in as root, or let the user call sudo without a password"),
    ];
    let found = results(&ran.json());
    assert_eq!(found.len(), expected.len(), "{ran}");
    for ((result, reason), (expected, part)) in found.iter().zip(expected) {
        assert!(result == expected && reason.contains(part), "{expected} {part:?} is missing: {ran}");
    }
    let name = ran.json()[0]["device"].as_str().expect("it was enrolled").to_owned();
    let enrolled = fleet.ask("GET", &format!("/api/v1/devices/{name}"), &Value::Null);
    assert_eq!((&enrolled["device_type"], &enrolled["distribution"]), (&"cam".into(), &"beta".into()));

    // Who is no root asks for root's rights, and never for a password.
    let by_sudo = devices[0].called_by_sudo();
    assert!(by_sudo.starts_with("belay-agent --json enrol --token-file /dev/stdin "), "{by_sudo}");

    // The token of the run had a use for each device and is worth nothing now.
    let made = tokens_of_runs(&fleet);
    assert_eq!((made.len(), made[0]["uses"].as_u64(), made[0]["used"].as_u64()), (1, Some(7), Some(1)), "{made:?}");
    assert!(made[0]["revoked_at"].is_string(), "{made:?}");
}

#[test]
fn what_failed_is_listed_and_tried_again_and_what_is_enrolled_stays() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port) = (Fleet::start(), free_port());
    let operator = fleet.operator();
    let sandboxes = [Sandbox::new(), Sandbox::new(), Sandbox::new()];
    let _agents = sandboxes.each_ref().map(|sandbox| launch(sandbox).start());
    let device = |number: u8, sandbox: &Sandbox| {
        let device = Device::start(&keys, address(number), port, &[]);
        device.install_agent(&binary("belay-agent"), &launch(sandbox).write_config());
        device
    };
    let (_first, second) = (device(1, &sandboxes[0]), device(2, &sandboxes[1]));
    second.lets_in(&keys, false);
    table(&operator, 1..=3);
    let usual = ["--accept-new-host-keys", "--sudo", "never"];
    let words = |more: &[&str]| words(&operator, &keys, port, &[&usual[..], more].concat());
    run(&operator, &words(&["devices.csv"])).exits(3).says(&["1 of 3 devices enrolled", "devices.retry.csv"]);
    let listed = std::fs::read_to_string(operator.path("devices.retry.csv")).unwrap();
    let beginnings = ["IP,Hostname,reason", "127.0.44.2,device-002,", "127.0.44.3,device-003,"];
    assert!(listed.lines().zip(beginnings).all(|(line, begins)| line.starts_with(begins)), "{listed}");
    assert_eq!(listed.lines().count(), beginnings.len(), "{listed}");

    // Mended, they are enrolled from that list, with a token that somebody else made.
    second.lets_in(&keys, true);
    let third = device(3, &sandboxes[2]);
    operator.write_secret("token", fleet.enrolment());
    let ran = run(&operator, &words(&["--enrolment-token-file", "token", "devices.retry.csv"]));
    ran.exits(0).says(&["2 of 2 devices enrolled", "127.0.44.3  device-003  enrolled"]);
    assert!(!operator.path("devices.retry.csv").exists());
    assert_eq!(fleet.devices().len(), 3);
    // It was in nobody's arguments.
    for device in [&second, &third] {
        let lines = device.command_lines();
        assert!(lines.contains("--token-file /dev/stdin"), "{lines}");
        assert!(!lines.contains(fleet.enrolment()), "{lines}");
        assert_eq!(device.called_by_sudo(), "");
    }

    // Once more, and nothing is done.
    let ran = run(&operator, &words(&["devices.csv", "--json"]));
    ran.exits(0);
    assert!(results(&ran.json()).iter().all(|(result, _)| result == "was_enrolled"), "{ran}");
    assert_eq!(fleet.devices().len(), 3);

    // What a device says of itself is not enough: the server has forgotten one.
    let name = ran.json()[0]["device"].as_str().expect("it was enrolled").to_owned();
    fleet.ask("DELETE", &format!("/api/v1/devices/{name}"), &Value::Null);
    let ran = run(&operator, &words(&["devices.csv", "--json"]));
    ran.exits(3);
    let found = results(&ran.json());
    let forgotten = format!("it says that it is {name}, which the server does not know");
    assert!(found[0].0 == "failed" && found[0].1.contains(&forgotten), "{ran}");
    assert!(found[1..].iter().all(|(result, _)| result == "was_enrolled"), "{ran}");
}

#[test]
fn a_package_is_installed_before_the_device_is_enrolled() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port, sandbox) = (Fleet::start(), free_port(), Sandbox::new());
    let operator = fleet.operator();
    let _agent = launch(&sandbox).start();
    sandbox.repository().publish(&[Deb::new("belay-needs", "1.0")]);
    sandbox.update();
    let apt_config = sandbox.apt_config();
    let device = Device::start(&keys, address(1), port, &[("APT_CONFIG", apt_config.to_str().unwrap())]);
    device.install_agent(&binary("belay-agent"), &launch(&sandbox).write_config());
    let deb = Deb::new("belay-probe", "2.5").depends("belay-needs").build(&operator.path(""));

    table(&operator, [1]);
    let more = ["--accept-new-host-keys", "--install", deb.to_str().unwrap(), "devices.csv"];
    let ran = run(&operator, &words(&operator, &keys, port, &more));
    ran.exits(0).says(&["1 of 1 device enrolled"]);
    assert_eq!(sandbox.installed_version("belay-probe").as_deref(), Some("2.5"));
    assert_eq!(sandbox.installed_version("belay-needs").as_deref(), Some("1.0"));
    assert!(device.called_by_sudo().starts_with("env DEBIAN_FRONTEND=noninteractive apt-get "));

    // A package that apt refuses leaves the device as it is.
    let broken = Deb::new("belay-broken", "1.0").depends("nobody-has-this").build(&operator.path(""));
    let more = ["--install", broken.to_str().unwrap(), "devices.csv"];
    let ran = run(&operator, &words(&operator, &keys, port, &more));
    ran.exits(3).says(&["the package was not installed: E: "]);
    assert_eq!(sandbox.installed_version("belay-broken"), None);
}

#[test]
fn a_device_that_hangs_keeps_nobody_and_who_is_told_to_end_loses_nothing() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port, sandbox) = (Fleet::start(), free_port(), Sandbox::new());
    let operator = fleet.operator();
    let _agent = launch(&sandbox).start();
    let devices: Vec<Device> = (1..=3).map(|number| Device::start(&keys, address(number), port, &[])).collect();
    devices[0].install_agent_that_hangs();
    devices[1].install_agent(&binary("belay-agent"), &launch(&sandbox).write_config());
    devices[2].install_agent_that_hangs();
    table(&operator, [1, 2]);
    let more = ["--accept-new-host-keys", "--timeout", "6", "--json", "devices.csv"];
    let ran = run(&operator, &words(&operator, &keys, port, &more));
    ran.exits(3);
    let found = results(&ran.json());
    let unfinished = "it was not done within 6 s; what was begun there may go on";
    assert_eq!(found[0], ("failed".to_owned(), unfinished.to_owned()));
    assert_eq!(found[1].0, "enrolled", "{ran}");

    // One at a time: the first is enrolled, the second hangs, the third is not reached.
    table(&operator, [2, 3, 1]);
    let more = ["--accept-new-host-keys", "--parallel", "1", "--json", "devices.csv"];
    let words = words(&operator, &keys, port, &more);
    let mut running = operator.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    wait_until("the device that hangs", PATIENCE, || (devices[2].command_lines() == "called\n").then_some(()));
    running.signal(Signal::SIGINT);
    let ran = running.wait();
    ran.exits(3);
    let found = results(&ran.json());
    assert_eq!(found[0].0, "was_enrolled", "{ran}");
    let ended = ("failed".to_owned(), "it was ended before this device was done".to_owned());
    assert_eq!(found[1..], [ended.clone(), ended], "{ran}");
    let listed = std::fs::read_to_string(operator.path("devices.retry.csv")).unwrap();
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let made = tokens_of_runs(&fleet);
    assert!(made.len() == 2 && made.iter().all(|token| token["revoked_at"].is_string()), "{made:?}");
}

#[test]
fn a_host_that_was_never_met_is_not_trusted_unasked() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port, sandbox) = (Fleet::start(), free_port(), Sandbox::new());
    let operator = fleet.operator();
    let device = Device::start(&keys, address(1), port, &[]);
    device.install_agent(&binary("belay-agent"), &launch(&sandbox).write_config());
    table(&operator, [1]);
    let ran = run(&operator, &words(&operator, &keys, port, &["devices.csv"]));
    ran.exits(3).says(&["its host key is not known here: connect once by hand, or give --accept-new-host-keys"]);
    assert_eq!(device.command_lines(), "");
}

#[test]
fn where_no_device_answers_the_exit_code_says_so_and_a_wrong_table_asks_nobody() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port) = (Fleet::start(), free_port());
    let operator = fleet.operator();
    table(&operator, [1, 2]);
    let ran = run(&operator, &words(&operator, &keys, port, &["devices.csv", "--retry", "again.csv"]));
    ran.exits(5).says(&["0 of 2 devices enrolled; to try the others again: belayctl enrol bulk again.csv"]);
    ran.complains(&["127.0.44.1: ssh: connect to host 127.0.44.1"]);
    let listed = std::fs::read_to_string(operator.path("again.csv")).unwrap();
    // The command that is offered is one, and asks the same devices in the same way.
    let (_, offered) = ran.stdout.trim_end().rsplit_once("again: belayctl ").expect("a command is offered");
    let again = operator.run(&offered.split(' ').collect::<Vec<_>>());
    again.exits(5).says(&["0 of 2 devices enrolled; to try the others again: belayctl enrol bulk again.csv"]);
    assert_eq!(std::fs::read_to_string(operator.path("again.csv")).unwrap(), listed);
    // A person's own file is no list to try again.
    let ran = run(&operator, &words(&operator, &keys, port, &["devices.csv", "--retry", "devices.csv"]));
    ran.exits(1).complains(&["devices.csv: it is no list of devices to try again, so it is not replaced"]);

    let tokens = fleet.ask("GET", "/api/v1/enrolment-tokens", &Value::Null)["total"].clone();
    operator.write("wrong.csv", "IP,Hostname\n127.0.44.1,a\n...\n");
    let ran = run(&operator, &words(&operator, &keys, port, &["wrong.csv"]));
    ran.exits(1).complains(&["wrong.csv, line 3: \"...\" is no address"]);
    assert_eq!(fleet.ask("GET", "/api/v1/enrolment-tokens", &Value::Null)["total"], tokens);
    assert!(!Path::new(&operator.path("wrong.retry.csv")).exists());
}

#[test]
fn what_a_device_says_does_not_move_the_terminal() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port) = (Fleet::start(), free_port());
    let operator = fleet.operator();
    let device = Device::start(&keys, address(1), port, &[]);
    device.install_agent_that_says(r#"{"error": "x", "message": "no\u001b]0;title\u0007\n127.0.44.9 enrolled"}"#);
    table(&operator, [1]);
    let words = words(&operator, &keys, port, &["--accept-new-host-keys", "devices.csv"]);
    let ran = operator.run_on_a_terminal(&words.iter().map(String::as_str).collect::<Vec<_>>());
    ran.exits(3).says(&["127.0.44.1: no]0;title 127.0.44.9 enrolled"]);
    assert!(!ran.stdout.contains("\x1b]0;") && !ran.stdout.contains("\n127.0.44.9"), "{:?}", ran.stdout);
}

#[test]
fn devices_trust_the_authority_that_belayctl_is_told_to_trust() {
    let Some(keys) = Keys::new() else { return skipped("there is no sshd") };
    let (fleet, port, sandbox) = (Fleet::start(), free_port(), Sandbox::new());
    let authority = Authority::new();
    let behind = fleet.url();
    let proxy = ScriptedServer::start_tls(authority.server(&["127.0.0.1"], Validity::Valid), move |received| {
        passed_on(&behind, received)
    });
    let operator = fleet.operator().env("BELAY_SERVER", &proxy.url());
    operator.write("ca.pem", authority.pem());
    let _agent = launch(&sandbox).start();
    let device = Device::start(&keys, address(1), port, &[]);
    device.install_agent(&binary("belay-agent"), &launch(&sandbox).write_config());
    table(&operator, [1]);
    let more = ["--accept-new-host-keys", "--ca-file", "ca.pem", "devices.csv"];
    run(&operator, &words(&operator, &keys, port, &more)).exits(0).says(&["1 of 1 device enrolled"]);
    assert_eq!(fleet.devices().len(), 1);
    // It goes on asking that way.
    let polls = || proxy.received().iter().filter(|request| request.line() == "POST /api/v1/sync").count();
    wait_until("polls over TLS", PATIENCE, || (polls() > 1).then_some(()));
}

/// What the server behind answers.
fn passed_on(server: &str, received: &Received) -> Reply {
    let endpoint = Endpoint::Tcp(server.trim_start_matches("http://").parse().expect("an address"));
    let head: Vec<&str> =
        received.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    let request = format!("{}\r\nConnection: close\r\n\r\n{}", head.join("\r\n"), received.body);
    let answer = endpoint.exchange(request);
    Reply::status(answer.status, answer.text())
}
