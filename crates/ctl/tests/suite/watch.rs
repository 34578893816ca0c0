//! `deployment watch`: with real agents, to every kind of end, on a terminal and without one, through a server's restart.

use belay_testkit::{Agent, Sandbox, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Fleet, Operator, PATIENCE, demo_sandbox};

const RELEASE: [&str; 6] = ["--device-type", "debian", "--distribution", "stable", "--version", "2.0"];

/// A health gate for which demo-app 2.0 is ill.
fn gate(sandbox: &Sandbox) -> String {
    let version = sandbox.path("usr/share/demo-app/version");
    let command = ["/bin/sh", "-c", &format!("test \"$(cat {})\" != 2.0", version.display())];
    format!(
        "[[health.check]]\nname = \"demo\"\ncommand = {command:?}\ngrace_s = 0\ninterval_s = 0.05\nretries = 0\n\
         settle_s = 0"
    )
}

/// A server that has release 2.0.
fn fleet() -> (Fleet, Operator) {
    let fleet = Fleet::start();
    let release = json!({"device_type": "debian", "distribution": "stable", "version": "2.0",
        "packages": ["demo-app=2.0"]});
    fleet.ask("POST", "/api/v1/releases", &release);
    let operator = fleet.operator();
    (fleet, operator)
}

/// An agent that is well with 2.0, or ill.
fn join<'a>(fleet: &Fleet, sandbox: &'a Sandbox, is_well: bool) -> (Agent<'a>, String) {
    let launch = fleet.launch(sandbox);
    fleet.join_as(if is_well { launch } else { launch.toml(&gate(sandbox)) })
}

/// `deployment create` of the release with these words, as a list.
fn create<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["deployment", "create", "--strategy", "manual"], &RELEASE[..], words].concat()
}

fn made(operator: &Operator, words: &[&str]) -> String {
    operator.json(&create(words))["id"].as_str().expect("a deployment has a name").to_owned()
}

#[test]
fn a_deployment_that_ends_well_is_followed_on_a_terminal_and_exits_with_0() {
    let (fleet, operator) = fleet();
    let sandboxes = [demo_sandbox(), demo_sandbox()];
    let _agents: Vec<_> = sandboxes.iter().map(|sandbox| join(&fleet, sandbox, true)).collect();
    let ran = operator.run_on_a_terminal(&create(&["--watch"]));
    ran.exits(0).says(&["complete", "2 completed"]);
    // While it went on, a bar of all devices stood there, and who was at work.
    let bars = ran.stdout.lines().filter(|line| line.contains("/2") && line.contains('['));
    assert!(bars.count() > 0, "{ran}");
    // It is gone before the answer comes, and does not come back.
    let (_, answer) = ran.stdout.rsplit_once("manual: ").expect("the answer says how it was deployed");
    assert!(answer.contains("2 completed") && !answer.contains('='), "{ran}");
    assert!(ran.stdout.contains("\x1b[") && sandboxes.iter().all(has_2_0), "{ran}");
    // What is asked again is answered at once, without one.
    let again = operator.run(&["deployment", "watch", "latest"]);
    again.exits(0).says(&["completed"]);
    assert!(!again.stdout.contains('\x1b') && !again.stderr.contains('\x1b'), "{again}");
}

fn has_2_0(sandbox: &Sandbox) -> bool {
    sandbox.installed_version("demo-app").as_deref() == Some("2.0")
}

#[test]
fn a_gate_that_trips_is_told_with_its_numbers_and_exits_with_4() {
    let (fleet, operator) = fleet();
    let sandboxes = [demo_sandbox(), demo_sandbox(), demo_sandbox()];
    let _ill: Vec<_> = sandboxes.iter().map(|sandbox| join(&fleet, sandbox, false)).collect();
    // One after the other: two are enough to judge by, and the third is spared.
    let ran = operator.run(&create(&["--fail-over", "5%", "--min-sample", "2", "--in-flight", "1", "--watch"]));
    ran.exits(4).says(&["halted", "2 rolled back, 1 waiting"]);
    ran.complains(&["halt ", "2 of 2", "limit 5 %", "unhealthy"]);
    // Each device that went wrong is told once.
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("rolled back")).count(), 2, "{ran}");
    // The same as an answer for programs; nothing is told beside it.
    let json = operator.run(&["deployment", "watch", "latest", "--json"]);
    json.exits(4);
    assert_eq!((json.stderr.as_str(), &json.json()["deployment"]["status"]), ("", &"halted".into()));
    let devices = json.json()["devices"].as_array().cloned().unwrap_or_default();
    let wrong = devices.iter().filter(|device| device["status"] == "rolled_back" && device["reason"] == "unhealthy");
    assert_eq!(wrong.count(), 2, "{json}");
}

#[test]
fn a_pipeline_gives_up_by_its_own_limit_and_the_deployment_goes_on() {
    let (fleet, operator) = fleet();
    let sandboxes = [demo_sandbox(), demo_sandbox()];
    let _ill: Vec<_> = sandboxes.iter().map(|sandbox| join(&fleet, sandbox, false)).collect();
    let id = made(&operator, &["--fail-over", "100", "--min-sample", "1", "--start"]);
    let ran = operator.run(&["deployment", "watch", &id, "--fail-over", "5%"]);
    ran.exits(4).complains(&["failed, more than 5 %: not watched any longer; the deployment goes on by its own limit"]);
    // It came to its own end: nobody stopped it.
    operator.run(&["deployment", "watch", &id, "--fail-over", "100%"]).exits(3).says(&["failed", "2 rolled back"]);
}

#[test]
fn a_watch_is_over_when_its_time_is_and_the_deployment_goes_on() {
    let (fleet, operator) = fleet();
    let sandbox = demo_sandbox();
    let (away, _) = join(&fleet, &sandbox, true);
    drop(away);
    let id = made(&operator, &["--start"]);
    let ran = operator.run(&["deployment", "watch", &id, "--timeout", "2"]);
    ran.exits(4).complains(&["it has not ended within 2 s, and goes on"]);
    assert_eq!(fleet.ask("GET", &format!("/api/v1/deployments/{id}"), &Value::Null)["status"], "in_progress");
}

#[test]
fn a_watch_outlives_its_server_and_tells_a_cancel_from_an_end() {
    let (mut fleet, operator) = fleet();
    let sandbox = demo_sandbox();
    let (agent, _) = fleet.join(&sandbox);
    drop(agent);
    let id = made(&operator, &["--start"]);
    let watch = operator.start(&["deployment", "watch", &id[id.len() - 6..]]);
    wait_until("a watch that has begun", PATIENCE, || watch.so_far().1.contains("start").then_some(()));
    let launch = fleet.kill();
    let away = "the server does not answer";
    wait_until("a watch that misses its server", PATIENCE, || watch.so_far().1.contains(away).then_some(()));
    fleet.revive(launch);
    fleet.ask("POST", &format!("/api/v1/deployments/{id}/cancel"), &Value::Null);
    watch.wait().exits(3).says(&["cancelled"]);
}

#[test]
fn a_device_goes_back_while_one_looks_on_and_its_reports_are_followed() {
    let (fleet, operator) = fleet();
    let sandbox = demo_sandbox();
    let (_agent, device) = fleet.join(&sandbox);
    operator.run(&create(&["--watch"])).exits(0);
    let hostname = operator.json(&["device", "show", &device])["profile"]["facts"]["hostname"].clone();
    let hostname = hostname.as_str().expect("a device has a host name");
    let mut logs = operator.start(&["device", "logs", hostname, "--follow", "-n", "1"]);
    // Of what is there already, the newest.
    wait_until("the last report of the update", PATIENCE, || logs.so_far().0.contains("completed").then_some(()));
    operator
        .run(&["device", "rollback", &device])
        .exits(0)
        .says(&["back from debian/stable/2.0 to 1 device", "completed"]);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    let completed = |text: &str| text.lines().filter(|line| line.contains("completed")).count();
    wait_until("the report of the rollback", PATIENCE, || (completed(&logs.so_far().0) == 2).then_some(()));
    assert!(logs.ended().is_none());
    assert!(logs.so_far().0.lines().next().is_some_and(|line| line.contains("completed")), "{:?}", logs.so_far());
    let times: Vec<String> = logs.so_far().0.lines().filter(|line| line.starts_with("20")).map(str::to_owned).collect();
    assert!(times.is_sorted_by(|one, next| one[..19] <= next[..19]), "{times:?}");
    logs.signal(Signal::SIGTERM);
    let all = operator.json(&["device", "logs", &device]);
    let numbers: Vec<u64> = all.as_array().unwrap().iter().filter_map(|view| view["report"]["seq"].as_u64()).collect();
    assert!(numbers.len() > 1 && numbers.is_sorted(), "{numbers:?}");
    // Only what the deployment was about, and no more than asked for; newest last.
    let latest = operator.json(&["device", "logs", &device, "--deployment", "latest", "-n", "1"]);
    assert_eq!(latest.as_array().map(Vec::len), Some(1), "{latest}");
    assert_eq!(latest[0]["report"]["status"], "completed");
}

#[test]
fn the_newest_deployment_is_no_channels_and_a_channels_says_that_it_has_no_end() {
    let (fleet, operator) = fleet();
    let sandbox = demo_sandbox();
    let (away, _) = join(&fleet, &sandbox, true);
    drop(away);
    let channel = |verb: &str, words: &[&str]| operator.run(&[&["channel", verb], words].concat());
    channel("set", &RELEASE).exits(0);
    let none = operator.run(&["deployment", "watch", "latest"]);
    none.exits(1).complains(&["there is no deployment yet but those of channels"]);
    channel("off", &["debian/stable"]).exits(0);
    let id = made(&operator, &[]);
    channel("on", &["debian/stable"]).exits(0);
    assert_eq!(operator.json(&["deployment", "show", "latest"])["deployment"]["id"], id.as_str());
    let standing = operator.json(&["channel", "show", "debian/stable"])["deployment"].clone();
    let standing = standing.as_str().expect("a channel that is on has a deployment");
    assert_ne!(standing, id);
    let ran = operator.run(&["deployment", "watch", standing, "--timeout", "2"]);
    ran.exits(4).complains(&["and has no end: this goes on until you leave it", "it has not ended within 2 s"]);
}

/// A device that says whatever a test wants it to have reported.
fn reporting(fleet: &Fleet) -> (String, impl Fn(std::ops::RangeInclusive<u64>)) {
    let send = |path: &str, key: &str, body: &Value| {
        let body = body.to_string();
        let response = fleet.server().endpoint().exchange(format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert!((200..300).contains(&response.status), "{path}: {}: {}", response.status, response.text());
        response.json()
    };
    let profile = json!({"facts": {"capabilities": ["packages", "staged", "reports_version", "can_roll_back"]}});
    let enrolment = json!({"enrolment": "00000000000000000000000000000001", "identity": "reporter",
        "token": fleet.enrolment(), "device_type": "debian", "distribution": "stable", "profile": profile});
    let enrolled = send("/api/v1/enrol", "", &enrolment);
    let text = |name: &str| enrolled[name].as_str().unwrap_or_else(|| panic!("no {name}: {enrolled}")).to_owned();
    let (device, key) = (text("device"), text("key"));
    let report = move |numbers: std::ops::RangeInclusive<u64>| {
        let reports = numbers.map(|number| {
            json!({"seq": number, "at": "2026-01-01T00:00:00Z", "status": "completed",
                "message": format!("report {number}.")})
        });
        let reports: Vec<Value> = reports.collect();
        send("/api/v1/sync", &key, &json!({"tag": "t", "outbox": "one", "reports": reports}));
    };
    (device, report)
}

#[test]
fn of_many_reports_the_newest_is_shown_and_after_it_only_what_is_new() {
    let (fleet, operator) = fleet();
    let (device, report) = reporting(&fleet);
    report(1..=100);
    report(101..=120);
    let mut logs = operator.start(&["device", "logs", &device, "--follow", "-n", "1"]);
    let shown = || -> Vec<u64> {
        let text = logs.so_far().0;
        let numbers = text.split("report ").skip(1).filter_map(|rest| rest.split('.').next()?.parse().ok());
        numbers.collect()
    };
    wait_until("the newest report", PATIENCE, || (!shown().is_empty()).then_some(()));
    assert_eq!(shown(), [120]);
    report(121..=122);
    wait_until("what is new", PATIENCE, || shown().contains(&122).then_some(()));
    assert_eq!(shown(), [120, 121, 122]);
    logs.signal(Signal::SIGTERM);
}
