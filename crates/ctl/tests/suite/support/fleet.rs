//! A live server on an empty folder, and real agents on sandbox roots that poll it each second.

use std::path::Path;
use std::time::Duration;

use belay_testkit::http::Response;
use belay_testkit::ownership::{base_dir, temp_dir_in};
use belay_testkit::wait::try_wait_until;
use belay_testkit::{Agent, Deb, Launch, Sandbox, Server, ServerLaunch, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use super::operator::{Operator, binary};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, a token that may do everything, and one that devices enrol with.
#[derive(Debug)]
pub(crate) struct Fleet {
    server: Option<Server>,
    folder: TempDir,
    token: String,
    enrolment: String,
}

impl Fleet {
    /// A server with the usual settings.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// A server with more settings, as TOML. Tables of their own as a rule; `[devices]` has `poll_s = 1` already.
    pub(crate) fn with(settings: &str) -> Self {
        Self::in_folder(temp_dir_in(&base_dir(), "belayctl-fleet-"), settings)
    }

    /// The same on a folder of the caller's, such as one on a small file system.
    pub(crate) fn in_folder(folder: TempDir, settings: &str) -> Self {
        let server = ServerLaunch::new(folder.path(), &binary("belay-server"))
            .toml(&format!("{settings}\n[devices]\npoll_s = 1"))
            .start();
        let token = server.token("operator", "admin:full");
        let made = server.cli(&["enrolment-token", "create", "--name", "tests", "--json"]);
        let shown: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
        let enrolment = shown["token"].as_str().unwrap_or_else(|| panic!("no token in {shown}")).to_owned();
        Self { server: Some(server), folder, token, enrolment }
    }

    /// The server; it runs unless [`Fleet::kill`] ended it.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// The folder of its state.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        self.server().url()
    }

    /// The token that may do everything.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The token that devices enrol with.
    pub(crate) fn enrolment(&self) -> &str {
        &self.enrolment
    }

    /// Somebody who may do everything here: server and token are in the environment.
    pub(crate) fn operator(&self) -> Operator {
        self.operator_with(&self.token)
    }

    /// Somebody with another token.
    pub(crate) fn operator_with(&self, token: &str) -> Operator {
        Operator::new().env("BELAY_SERVER", &self.url()).env("BELAY_TOKEN", token)
    }

    /// Kills the server, as a power cut would. [`Fleet::revive`] starts it again.
    pub(crate) fn kill(&mut self) -> ServerLaunch {
        let mut server = self.server.take().expect("the server runs");
        server.kill();
        server.into_launch()
    }

    /// Starts the server again, on its folder and address.
    pub(crate) fn revive(&mut self, launch: ServerLaunch) {
        self.server = Some(launch.start());
    }

    /// An agent that enrols here by itself, with a health gate that looks once and does not wait.
    pub(crate) fn launch<'a>(&self, sandbox: &'a Sandbox) -> Launch<'a> {
        launch(sandbox).server(&self.url()).enrolment(&self.enrolment)
    }

    /// Starts an agent that asks to be let in, where the server has `enrolment.mode = "approval"`; returns its name there
    /// with it.
    #[track_caller]
    pub(crate) fn apply<'a>(&self, sandbox: &'a Sandbox) -> (Agent<'a>, String) {
        let known = self.devices();
        let agent = launch(sandbox).start();
        let enrolled = agent.cli(&["enrol", "--server", &self.url()]);
        assert!(enrolled.status.success(), "{enrolled:?}");
        (agent, self.newcomer(&known))
    }

    /// Starts an agent and returns its name on the server with it, once it was let in.
    #[track_caller]
    pub(crate) fn join<'a>(&self, sandbox: &'a Sandbox) -> (Agent<'a>, String) {
        self.join_as(self.launch(sandbox))
    }

    /// The same for an agent with more settings.
    #[track_caller]
    pub(crate) fn join_as<'a>(&self, launch: Launch<'a>) -> (Agent<'a>, String) {
        let known = self.devices();
        let agent = launch.start();
        (agent, self.newcomer(&known))
    }

    #[track_caller]
    fn newcomer(&self, known: &[String]) -> String {
        wait_until("a device that was not there before", PATIENCE, || {
            self.devices().into_iter().find(|id| !known.contains(id))
        })
    }

    /// Everything that the server knows, by name.
    pub(crate) fn devices(&self) -> Vec<String> {
        let page = self.ask("GET", "/api/v1/devices?page_size=500", &Value::Null);
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
    }

    /// What the server answers an operator who may do everything.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server().endpoint().exchange(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        ))
    }

    /// The same where the wish must be granted.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.send(method, path, body);
        let text = response.text();
        assert!((200..300).contains(&response.status), "{method} {path}: {}: {text}", response.status);
        if response.body.is_empty() { Value::Null } else { response.json() }
    }

    /// Waits until what the server answers is as the test wants it.
    #[track_caller]
    pub(crate) fn wait(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = try_wait_until(PATIENCE, || {
            last = self.ask("GET", path, &Value::Null);
            wanted(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("waited in vain for {what} at {path}: {last:#}"))
    }
}

/// An agent that knows no server, with a health gate that looks once and does not wait.
pub(crate) fn launch(sandbox: &Sandbox) -> Launch<'_> {
    let scripts = sandbox.run_dir().join("health");
    Launch::new(sandbox, &binary("belay-agent")).toml(&format!("[health]\nscripts = {scripts:?}\nsettle_s = 0"))
}

/// A package with a file and a conffile that differ from version to version.
pub(crate) fn demo(version: &str) -> Deb {
    Deb::new("demo-app", version)
        .file("/usr/share/demo-app/version", version)
        .conffile("/etc/demo-app.conf", format!("version = {version}\n"))
}

/// A sandbox with demo-app 1.0 installed, and 2.0 and 3.0 at hand.
pub(crate) fn demo_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[demo("1.0"), demo("2.0"), demo("3.0")]);
    sandbox.install(&["demo-app=1.0"]);
    sandbox
}
