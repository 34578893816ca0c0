//! A fleet: the real server on an empty folder, and real agents on sandbox roots that poll it each second.

use std::path::{Path, PathBuf};

use belay_protocol::local::ServerLink;
use belay_testkit::http::Response;
use belay_testkit::ownership::{base_dir, temp_dir_in};
use belay_testkit::{Agent, Launch, Sandbox, Server, ServerLaunch, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::*;

/// A running server and what an operator needs to speak to it.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) server: Option<Server>,
    pub(super) folder: TempDir,
    operator: String,
    enrolment: String,
}

impl Fleet {
    /// A server that lets devices in by token.
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// A server with more settings.
    pub(super) fn with(settings: &str) -> Self {
        let folder = temp_dir_in(&base_dir(), "belay-fleet-");
        let server = ServerLaunch::new(folder.path(), &server_binary())
            .toml(&format!("{settings}\n[devices]\npoll_s = 1"))
            .start();
        let operator = server.token("operator", "admin:full");
        let made = server.cli(&["enrolment-token", "create", "--name", "tests", "--json"]);
        let shown: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
        let enrolment = shown["token"].as_str().unwrap_or_else(|| panic!("no token in {shown}")).to_owned();
        Self { server: Some(server), folder, operator, enrolment }
    }

    pub(super) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// An agent that enrols there by itself.
    pub(super) fn launch<'a>(&self, sandbox: &'a Sandbox) -> Launch<'a> {
        self.launch_at(sandbox, &self.server().url())
    }

    /// The same by another way to the server.
    pub(super) fn launch_at<'a>(&self, sandbox: &'a Sandbox, url: &str) -> Launch<'a> {
        launch(sandbox).server(url).enrolment(&self.enrolment)
    }

    /// Starts an agent that enrols by itself, and returns its name on the server with it once it was let in.
    #[track_caller]
    pub(super) fn join<'a>(&self, sandbox: &'a Sandbox) -> (Agent<'a>, String) {
        self.join_as(self.launch(sandbox))
    }

    /// The same for an agent with more settings.
    #[track_caller]
    pub(super) fn join_as<'a>(&self, launch: Launch<'a>) -> (Agent<'a>, String) {
        let agent = launch.start();
        let link = wait_link(&agent, "the first poll", |link| link.last_contact.is_some());
        assert_eq!(link.authorized, Some(true), "{link:?}");
        let id = link.device.expect("it enrolled").to_string();
        (agent, id)
    }

    /// What the server answers an operator.
    #[track_caller]
    pub(super) fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server().endpoint().exchange(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.operator,
            body.len()
        ))
    }

    /// What the server answers an operator whose wish is granted.
    #[track_caller]
    pub(super) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.send(method, path, body);
        let text = response.text();
        assert!((200..300).contains(&response.status), "{method} {path}: {}: {text}", response.status);
        response.json()
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null)
    }

    /// Publishes a release.
    #[track_caller]
    pub(super) fn publish(&self, version: &str, packages: &[&str]) {
        let body = json!({"device_type": "debian", "distribution": "stable", "version": version, "packages": packages});
        self.ask("POST", "/api/v1/releases", &body);
    }

    /// Makes a deployment of a release and starts it; returns its name.
    #[track_caller]
    pub(super) fn deploy(&self, version: &str, strategy: Value, policy: Value) -> String {
        let release = json!({"device_type": "debian", "distribution": "stable", "version": version});
        let body = json!({"release": release, "strategy": strategy, "policy": policy});
        let made = self.ask("POST", "/api/v1/deployments", &body);
        let id = made["id"].as_str().expect("a deployment has a name").to_owned();
        self.steer(&id, "start");
        id
    }

    /// A deployment to all at once.
    #[track_caller]
    pub(super) fn deploy_to_all(&self, version: &str) -> String {
        self.deploy(version, json!({"kind": "manual"}), json!({}))
    }

    #[track_caller]
    pub(super) fn steer(&self, deployment: &str, verb: &str) -> Value {
        self.ask("POST", &format!("/api/v1/deployments/{deployment}/{verb}"), &Value::Null)
    }

    /// Waits until a deployment is as the test wants it.
    #[track_caller]
    pub(super) fn wait(&self, deployment: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/deployments/{deployment}");
        let mut last = Value::Null;
        let found = belay_testkit::wait::try_wait_until(PATIENCE, || {
            last = self.get(&path);
            wanted(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("waited in vain for {what}: {last:#}\n{:#?}", self.parts(deployment)))
    }

    /// Waits until a deployment stands there.
    #[track_caller]
    pub(super) fn wait_status(&self, deployment: &str, status: &str) -> Value {
        self.wait(deployment, status, |view| view["status"] == status)
    }

    /// Every device's part in a deployment.
    #[track_caller]
    pub(super) fn parts(&self, deployment: &str) -> Vec<Value> {
        let page = self.get(&format!("/api/v1/deployments/{deployment}/devices"));
        page["items"].as_array().cloned().unwrap_or_default()
    }

    /// One device's part in a deployment.
    #[track_caller]
    pub(super) fn part(&self, deployment: &str, device: &str) -> Value {
        let part = self.parts(deployment).into_iter().find(|part| part["device"] == device);
        part.unwrap_or_else(|| panic!("{device} has no part in {deployment}"))
    }

    /// What a device reported about a deployment, oldest first; no number comes twice. Progress that was overtaken
    /// before it could be sent leaves a gap.
    #[track_caller]
    pub(super) fn reports(&self, device: &str, deployment: &str) -> Vec<String> {
        let page = self.get(&format!("/api/v1/devices/{device}/reports?page_size=500"));
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let mut reports: Vec<Value> = items.into_iter().map(|item| item["report"].clone()).collect();
        reports.reverse();
        let numbers: Vec<u64> = reports.iter().filter_map(|report| report["seq"].as_u64()).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{reports:#?}");
        reports.retain(|report| report["assignment"]["deployment"] == deployment);
        reports.iter().map(|report| report["status"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// How a device is shown.
    #[track_caller]
    pub(super) fn device(&self, device: &str) -> Value {
        self.get(&format!("/api/v1/devices/{device}"))
    }

    /// Kills the server.
    #[track_caller]
    pub(super) fn kill(&mut self) -> ServerLaunch {
        let mut server = self.server.take().expect("the server runs");
        server.kill();
        server.into_launch()
    }
}

/// Counts how often reports say that a job ended.
pub(super) fn ends(reports: &[String]) -> Vec<&str> {
    let ends = ["completed", "failed", "rolled_back", "skipped"];
    reports.iter().map(String::as_str).filter(|status| ends.contains(status)).collect()
}

/// Waits until an agent's link to its server is as the test wants it.
#[track_caller]
pub(super) fn wait_link(agent: &Agent<'_>, what: &str, wanted: impl Fn(&ServerLink) -> bool) -> ServerLink {
    wait_until(what, PATIENCE, || status(agent).server.filter(|link| wanted(link)))
}

/// What dpkg says is installed of demo-app.
pub(super) fn demo_of(sandbox: &Sandbox) -> String {
    sandbox.installed_version("demo-app").unwrap_or_default()
}

/// The server's program lies beside the agent's.
fn server_binary() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_belay-agent")).with_file_name("belay-server");
    assert!(
        binary.exists(),
        "{} is missing: these tests need the server's program; run `cargo build --workspace` first",
        binary.display()
    );
    binary
}
