//! The agent and its server: the true agent on a sandbox, and a server that does what the test says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use belay_agent::clock;
use belay_protocol::local::ServerLink;
use belay_testkit::authority::{Authority, Validity};
use belay_testkit::ownership::write;
use belay_testkit::scripted::{Received, Reply, ScriptedServer};
use belay_testkit::{Agent, Sandbox, wait_until};

use crate::support::*;

/// The present of every server here: the device's own, so that no clock is complained about.
fn answer(next_s: u32) -> Reply {
    Reply::json(format!(r#"{{"now":"{}","next_s":{next_s}}}"#, clock::now()))
}

/// Takes whoever enrols, and wants to hear of them every second.
fn welcoming(request: &Received) -> Reply {
    if is_enrolment(request) { enrolled() } else { answer(1) }
}

fn is_enrolment(request: &Received) -> bool {
    request.line() == "POST /api/v1/enrol"
}

fn enrolled() -> Reply {
    Reply::json(r#"{"device":"device-1","key":"key-1","authorized":true,"next_s":1}"#)
}

/// Waits until the status shows the link as the test wants it.
#[track_caller]
fn wait_link(agent: &Agent<'_>, what: &str, wanted: impl Fn(&ServerLink) -> bool) -> ServerLink {
    wait_until(what, PATIENCE, || status(agent).server.filter(|link| wanted(link)))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_device_is_enrolled_on_the_command_line_and_polls_at_once_and_after_every_restart() {
    let server = ScriptedServer::start(welcoming);
    let sandbox = Sandbox::new();
    let agent = launch(&sandbox).start();
    assert_eq!(status(&agent).server, None);
    let token = sandbox.run_dir().join("token");
    write(&token, "secret\n");
    let args = ["enrol", "--server", &server.url(), "--token-file", token.to_str().unwrap(), "--distribution", "alpha"];
    let output = agent.cli(&args);
    assert!(output.status.success(), "{}", said(&output));
    assert_says(&said(&output), &["enrolled: this device is device-1 at http://127.0.0.1:"]);
    let link = wait_link(&agent, "the first poll", |link| link.last_contact.is_some());
    assert_eq!((link.device.as_ref().unwrap().as_str(), link.authorized), ("device-1", Some(true)));
    let enrolment = server.received()[0].json();
    assert_eq!((&enrolment["token"], &enrolment["distribution"]), (&"secret".into(), &"alpha".into()));
    assert_eq!(enrolment["profile"]["facts"]["agent"], status(&agent).version);
    let identity = sandbox.state_dir().join("daemon/identity.json");
    assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = said(&agent.cli(&["status"]));
    assert_says(&shown, &["server", "device device-1: spoke"]);
    assert!(!agent.log().contains("key-1") && !agent.log().contains("secret"), "no secret is logged");

    let before = server.received().len();
    let agent = agent.into_launch().start();
    let polls = server.wait_received(before + 2).split_off(before);
    assert!(polls.iter().all(|poll| poll.header("authorization") == Some("Bearer key-1")), "{polls:?}");
    drop(agent);
}

#[test]
fn an_enrolment_that_fails_says_why_and_is_repeated_as_it_was() {
    let server = ScriptedServer::start(|request| match request.number {
        0 => Reply::Close,
        1 => Reply::status(403, r#"{"error":"token_ended","message":"this token has ended: make another one"}"#),
        _ => welcoming(request),
    });
    let sandbox = Sandbox::new();
    let agent = launch(&sandbox).start();
    let url = server.url();
    let enrol = |more: &[&str]| agent.cli(&[&["enrol", "--server", &url, "--token", "t"], more].concat());
    let lost = enrol(&[]);
    assert_eq!(lost.status.code(), Some(1), "{}", said(&lost));
    assert_says(&said(&lost), &["not enrolled yet", "(server_unreachable)"]);
    let refused = enrol(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_says(&said(&refused), &["this token has ended: make another one", "(server_refused)"]);
    assert!(enrol(&[]).status.success());
    let all = server.received();
    assert_eq!(all[0].json()["enrolment"], all[2].json()["enrolment"]);
    assert_eq!(all[0].json()["identity"], all[2].json()["identity"]);
    let twice = enrol(&[]);
    assert_eq!(twice.status.code(), Some(2), "{}", said(&twice));
    assert_says(&said(&twice), &["device-1", "--again", "(already_enrolled)"]);
    assert!(enrol(&["--again"]).status.success());
    let missing = agent.cli(&["enrol", "--token-file", "/no/such/file"]);
    assert_says(&said(&missing), &["cannot read /no/such/file"]);
}

#[test]
fn a_device_with_a_token_enrols_by_itself_over_tls_with_an_authority_of_the_operators_own() {
    let authority = Authority::new();
    let server = ScriptedServer::start_tls(authority.server(&["127.0.0.1"], Validity::Valid), welcoming);
    let sandbox = Sandbox::new();
    let ca_file = sandbox.run_dir().join("ca.pem");
    write(&ca_file, authority.pem());
    let launch = launch(&sandbox).server(&server.url()).enrolment("from-a-file");
    let agent = launch.clone().start();
    let link = wait_link(&agent, "a complaint about the certificate", |link| link.last_error.is_some());
    assert_says(&link.last_error.unwrap(), &["server.ca_file"]);
    assert!(server.received().is_empty(), "the token stays here");
    drop(agent);
    let agent = launch.server_setting(&format!("ca_file = {ca_file:?}")).start();
    wait_link(&agent, "a poll", |link| link.last_contact.is_some());
    assert_eq!(server.received()[0].json()["token"], "from-a-file");
}

#[test]
fn three_devices_on_one_machine_are_three_identities() {
    let server = ScriptedServer::start(welcoming);
    let sandboxes = [Sandbox::new(), Sandbox::new(), Sandbox::new()];
    let agents = sandboxes.each_ref().map(|sandbox| launch(sandbox).server(&server.url()).enrolment("t").start());
    for agent in &agents {
        wait_link(agent, "a poll", |link| link.last_contact.is_some());
    }
    let enrolments: Vec<_> = server.received().into_iter().filter(is_enrolment).map(|request| request.json()).collect();
    let mut identities: Vec<_> = enrolments.iter().map(|body| body["identity"].to_string()).collect();
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3);
}

#[test]
fn a_device_works_while_its_server_is_away_and_says_so_twice_when_it_goes_and_when_it_is_back() {
    let server = ScriptedServer::start(welcoming);
    let address = server.address();
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).server(&server.url()).enrolment("t").start();
    wait_link(&agent, "a poll", |link| link.last_contact.is_some());
    drop(server);
    let away = wait_link(&agent, "the server to be missed", |link| link.last_error.is_some());
    assert_says(&away.last_error.unwrap(), &["failed to reach 127.0.0.1:"]);
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let server = ScriptedServer::start_at(address, welcoming);
    wait_link(&agent, "the server to be found again", |link| link.last_error.is_none());
    assert!(!server.received().is_empty());
    let lines = |text: &str| agent.log().lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("the server cannot be polled"), lines("the server answers again")),
        (1, 1),
        "{}",
        agent.log_tail()
    );
}

#[test]
fn what_is_installed_is_told_when_a_job_has_changed_it_and_not_again() {
    let server = ScriptedServer::start(welcoming);
    let sandbox = demo_sandbox();
    let agent = launch(&sandbox).server(&server.url()).enrolment("t").start();
    wait_link(&agent, "a poll", |link| link.last_contact.is_some());
    assert_committed(&update(&agent, &["demo-app=2.0"]));
    let profiles = || -> Vec<_> {
        let polls = server.received().into_iter().filter(|request| !is_enrolment(request));
        polls.map(|request| request.json()["profile"].clone()).filter(|profile| !profile.is_null()).collect()
    };
    let profile = wait_until("a profile", PATIENCE, || profiles().pop());
    assert_eq!(profile["installed"]["generation"], 1);
    server.wait_received(server.received().len() + 2);
    assert_eq!(profiles().len(), 1);
}

#[test]
fn a_setting_that_sends_keys_in_clear_is_told() {
    let sandbox = Sandbox::new();
    let agent = launch(&sandbox).server_setting("plain_http = true").start();
    assert!(status(&agent).warnings.iter().any(|warning| warning.starts_with("server.plain_http")));
}
