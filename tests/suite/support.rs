//! What the modules share: how the agent is started on a sandbox, how it is asked, what its verdicts must be.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::Reason;
use belay_protocol::job::{Job, JobId, JobState};
use belay_protocol::local::{ErrorBody, History, Status};
use belay_testkit::http::{Endpoint, Response};
use belay_testkit::ownership::write;
use belay_testkit::{Agent, Deb, Launch, Sandbox, wait_until};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long a job may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The agent on a sandbox, both halves in one process, with a health gate that looks once and does not wait.
pub(crate) fn launch(sandbox: &Sandbox) -> Launch<'_> {
    let scripts = sandbox.run_dir().join("health");
    Launch::new(sandbox, Path::new(env!("CARGO_BIN_EXE_belay-agent")))
        .toml(&format!("[health]\nscripts = {scripts:?}\nsettle_s = 0"))
}

/// A check of the health gate, as TOML: the device is well for as long as this command succeeds.
pub(crate) fn check(command: &[&str]) -> String {
    format!(
        "[[health.check]]\nname = \"demo\"\ncommand = {command:?}\ngrace_s = 0\ninterval_s = 0.05\nretries = 0\n\
         settle_s = 0"
    )
}

/// A check that takes every version of demo-app but 2.0 for healthy, as TOML.
pub(crate) fn check_against_2_0(sandbox: &Sandbox) -> String {
    let version = sandbox.path("usr/share/demo-app/version");
    check(&["/bin/sh", "-c", &format!("test \"$(cat {})\" != 2.0", version.display())])
}

/// A package with a file and a conffile that differ from version to version.
pub(crate) fn demo(version: &str) -> Deb {
    package("demo-app", version)
}

/// A package of any name with a file and a conffile that differ from version to version.
pub(crate) fn package(name: &str, version: &str) -> Deb {
    Deb::new(name, version)
        .file(&format!("/usr/share/{name}/version"), version)
        .conffile(&format!("/etc/{name}.conf"), format!("version = {version}\n"))
}

/// A sandbox with demo-app 1.0 installed, and 2.0 and 3.0 at hand.
pub(crate) fn demo_sandbox() -> Sandbox {
    sandbox_with(&[demo("1.0"), demo("2.0"), demo("3.0")], &["demo-app=1.0"])
}

/// A sandbox whose repository offers `debs`, with some of them installed straight by apt.
pub(crate) fn sandbox_with(debs: &[Deb], installed: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(debs);
    if !installed.is_empty() {
        sandbox.install(installed);
    }
    sandbox
}

/// Shell text that says where a maintainer script stands, and waits there until [`release`]; once released it never
/// waits again.
pub(crate) fn stop_at(place: &str) -> String {
    format!(
        "touch \"$DPKG_ROOT/../run/{place}.reached\"\n\
         while ! test -e \"$DPKG_ROOT/../run/{place}.go\"; do sleep 0.02; done\n"
    )
}

/// Waits until a maintainer script stands at that place.
#[track_caller]
pub(crate) fn wait_reached(sandbox: &Sandbox, place: &str) {
    let file = sandbox.run_dir().join(format!("{place}.reached"));
    wait_until(&format!("a maintainer script at {place}"), PATIENCE, || file.exists().then_some(()));
}

/// Lets maintainer scripts pass that place.
pub(crate) fn release(sandbox: &Sandbox, place: &str) {
    write(&sandbox.run_dir().join(format!("{place}.go")), "");
}

/// Sends a request to the control socket.
#[track_caller]
pub(crate) fn send(agent: &Agent<'_>, method: &str, target: &str, headers: &[&str], body: &str) -> Response {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    Endpoint::Unix(agent.socket()).exchange(request)
}

/// Asks for something and waits for its end.
#[track_caller]
pub(crate) fn ask(agent: &Agent<'_>, target: &str, body: &Value) -> Response {
    send(agent, "POST", target, &["Content-Type: application/json", "Prefer: wait"], &body.to_string())
}

/// Installs a list and waits for the job's end.
#[track_caller]
pub(crate) fn update(agent: &Agent<'_>, packages: &[&str]) -> Job {
    ask_job(agent, "/update", &json!({ "packages": packages }))
}

/// Goes one generation back and waits for the job's end.
#[track_caller]
pub(crate) fn rollback(agent: &Agent<'_>) -> Job {
    ask_job(agent, "/rollback", &json!({}))
}

/// Asks for a job and waits for its end.
#[track_caller]
pub(crate) fn ask_job(agent: &Agent<'_>, target: &str, body: &Value) -> Job {
    let response = ask(agent, target, body);
    assert_eq!(response.status, 200, "{target} {body}: {}\n{}", response.text(), agent.log_tail());
    read(&response)
}

/// Asks for an update without waiting.
#[track_caller]
pub(crate) fn begin(agent: &Agent<'_>, target: &str, body: &Value) -> JobId {
    let response = send(agent, "POST", target, &["Content-Type: application/json"], &body.to_string());
    assert_eq!(response.status, 202, "{target} {body}: {}\n{}", response.text(), agent.log_tail());
    read::<Job>(&response).id
}

/// Begins to install a list without waiting.
#[track_caller]
pub(crate) fn begin_update(agent: &Agent<'_>, packages: &[&str]) -> JobId {
    begin(agent, "/update", &json!({ "packages": packages }))
}

/// Waits for a job's end.
#[track_caller]
pub(crate) fn wait_end(agent: &Agent<'_>, id: JobId) -> Job {
    wait_until(&format!("the end of job {id}"), PATIENCE, || Some(job(agent, id)).filter(|job| job.state.is_end()))
}

/// The job of that number.
#[track_caller]
pub(crate) fn job(agent: &Agent<'_>, id: JobId) -> Job {
    get(agent, &format!("/jobs/{id}"))
}

/// Waits until no job runs or waits, and returns the last one that ended.
#[track_caller]
pub(crate) fn wait_idle(agent: &Agent<'_>) -> Option<Job> {
    wait_until("the end of all jobs", PATIENCE, || {
        let status = status(agent);
        (status.job.is_none() && status.queued.is_none()).then_some(status.last)
    })
}

/// `GET /status`.
#[track_caller]
pub(crate) fn status(agent: &Agent<'_>) -> Status {
    get(agent, "/status")
}

/// `GET /history`.
#[track_caller]
pub(crate) fn history(agent: &Agent<'_>) -> History {
    get(agent, "/history")
}

/// Reads an answer's JSON as one of the API's types.
#[track_caller]
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> T {
    serde_json::from_slice(&response.body).unwrap_or_else(|error| panic!("{error}: {}", response.text()))
}

/// Asserts that a request was refused and returns the refusal.
#[track_caller]
pub(crate) fn refusal(response: &Response, status: u16, code: &str) -> ErrorBody {
    assert_eq!(response.status, status, "{}", response.text());
    let body: ErrorBody = read(response);
    assert_eq!(body.error, code, "{}", body.message);
    body
}

/// Asserts how a job ended, and why.
#[track_caller]
pub(crate) fn assert_end(job: &Job, state: JobState, reason: Option<Reason>) {
    assert_eq!((job.state, job.reason), (state, reason), "job {}: {}", job.id, job.message);
}

/// Asserts that a job ended with a new generation in force.
#[track_caller]
pub(crate) fn assert_committed(job: &Job) {
    assert_end(job, JobState::Committed, None);
}

/// Asserts that a rollback that was asked for reached its goal.
#[track_caller]
pub(crate) fn assert_gone_back(job: &Job) {
    assert_end(job, JobState::RolledBack, None);
}

/// Asserts that a text holds all of these.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

/// Where the rollback file lies.
pub(crate) fn rollback_file_path(sandbox: &Sandbox) -> PathBuf {
    sandbox.state_dir().join("rollbackFile")
}

/// The rollback file's text; none where there is none.
pub(crate) fn rollback_file(sandbox: &Sandbox) -> Option<String> {
    fs::read_to_string(rollback_file_path(sandbox)).ok()
}

/// Says a figure on the terminal, for whoever runs the test with `--nocapture`.
#[expect(clippy::print_stdout, reason = "whoever measures wants to know")]
pub(crate) fn told(figure: &str) {
    println!("{figure}");
}

/// Says on the terminal that a test could not run here.
#[expect(clippy::print_stderr, reason = "whoever reads the test run has to know")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

#[track_caller]
fn get<T: DeserializeOwned>(agent: &Agent<'_>, target: &str) -> T {
    let response = Endpoint::Unix(agent.socket()).get(target);
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    read(&response)
}
