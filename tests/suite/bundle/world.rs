//! A device that bundles can be installed on, and a recorder in versions.

use std::path::Path;

use belay_protocol::job::Job;
use belay_testkit::http::Endpoint;
use belay_testkit::ownership::{write, write_with_mode};
use belay_testkit::root_snapshot::RootSnapshot;
use belay_testkit::{Agent, Bundle, Deb, Sandbox, userland};
use serde_json::{Value, json};

use crate::support::*;

/// A root with a userland of its own and recorder 1.0 on it.
pub(super) fn recorder_sandbox() -> Sandbox {
    recorder_sandbox_with(&[], &[])
}

/// The same, with packages.
pub(super) fn recorder_sandbox_with(debs: &[Deb], installed: &[&str]) -> Sandbox {
    let sandbox = sandbox_with(debs, installed);
    userland::install(&sandbox.root());
    write_with_mode(&sandbox.path("usr/local/bin/recorder"), program_text("1.0"), 0o755);
    belay_testkit::ownership::create_dir(&sandbox.path("srv"));
    write(&sandbox.path("etc/recorder/recorder.conf"), "version = 1.0\n");
    write(&sandbox.path("etc/recorder/old.conf"), "gone with 2.0\n");
    sandbox
}

/// A version of the recorder: `bad` does not answer its health check.
pub(super) fn recorder(version: &str) -> Bundle {
    recorder_script(version, "true").toml(&format!("version = \"{version}\"\n"))
}

/// The same with a command that must succeed first, and without `belay.toml`.
pub(super) fn recorder_script(version: &str, first: &str) -> Bundle {
    let script = format!(
        "{first}\ncp recorder /usr/local/bin/recorder.new\nmv /usr/local/bin/recorder.new /usr/local/bin/recorder\n\
         echo 'version = {version}' > /etc/recorder/recorder.conf\nrm -f /etc/recorder/old.conf\n\
         mkdir -p /opt/recorder/data\nln -sfn data /opt/recorder/current\necho {version} > /opt/recorder/data/version"
    );
    Bundle::new(&script).file("recorder", 0o755, program_text(version))
}

/// A health check, as TOML, that asks the recorder.
pub(super) fn health(sandbox: &Sandbox) -> String {
    let program = sandbox.path("usr/local/bin/recorder");
    check(&["/bin/sh", &program.display().to_string(), "health"])
}

/// Puts an archive on the device; returns its digest.
pub(super) fn upload(agent: &Agent<'_>, archive: &[u8]) -> String {
    let mut request = format!(
        "PUT /bundles HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        archive.len()
    )
    .into_bytes();
    request.extend_from_slice(archive);
    let answer = Endpoint::Unix(agent.socket()).exchange(request);
    assert_eq!(answer.status, 201, "{}", answer.text());
    read::<Value>(&answer)["sha256"].as_str().expect("it answers a digest").to_owned()
}

/// Uploads and installs a bundle; waits for the job's end.
pub(super) fn install(agent: &Agent<'_>, bundle: &Bundle) -> Job {
    install_with(agent, bundle, json!({}))
}

/// The same with more fields in the request.
pub(super) fn install_with(agent: &Agent<'_>, bundle: &Bundle, more: Value) -> Job {
    let mut body = json!({ "bundle": { "uploaded": upload(agent, &bundle.gzip()) } });
    merge(&mut body, more);
    ask_job(agent, "/update", &body)
}

/// What the recorder says of itself.
pub(super) fn program(sandbox: &Sandbox) -> String {
    let said = belay_testkit::command::succeed(sandbox.command("sh").arg(sandbox.path("usr/local/bin/recorder")));
    said.trim().to_owned()
}

/// The release that the generation in force stands for.
pub(super) fn release_in_force(agent: &Agent<'_>) -> Option<String> {
    let current = history(agent).generations.into_iter().find(|generation| generation.current)?;
    current.release.map(|release| release.to_string())
}

/// Everything of the root that a bundle may touch, with times, owners, links and attributes; what belongs to packages
/// is left to the other snapshot.
pub(super) fn exact(sandbox: &Sandbox) -> RootSnapshot {
    RootSnapshot::of_folders(&sandbox.root(), &["etc", "usr/local", "opt", "srv"])
}

/// Asserts that two snapshots are equal.
#[track_caller]
pub(super) fn assert_same_files(old: &RootSnapshot, new: &RootSnapshot) {
    let differences = old.diff(new);
    assert!(differences.is_empty(), "the root differs:\n  {}", differences.join("\n  "));
}

/// Asserts that a job that changed nothing left nothing in Belay's own folders.
#[track_caller]
pub(super) fn assert_nothing_prepared(sandbox: &Sandbox) {
    for folder in ["host/capture", "daemon/incoming"] {
        let path = sandbox.state_dir().join(folder);
        let left: Vec<_> = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
    let points = std::fs::read_dir(sandbox.state_dir().join("host/restore-points")).into_iter().flatten().count();
    assert_eq!(points, 0, "a restore point was left behind");
}

/// Whether a file of that name lies below a folder.
pub(super) fn find(folder: &Path, name: &str) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        entry.file_name() == name || (path.is_dir() && !path.is_symlink() && find(&path, name))
    })
}

fn program_text(version: &str) -> String {
    let health = if version == "bad" { "echo 'no camera answers' >&2; exit 1" } else { "exit 0" };
    format!("#!/bin/sh\ncase \"${{1:-}}\" in\n  health) {health} ;;\n  *) echo recorder {version} ;;\nesac\n")
}

fn merge(body: &mut Value, more: Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        match body.get_mut(name) {
            Some(there) if there.is_object() => merge(there, value.clone()),
            Some(_) | None => body[name] = value.clone(),
        }
    }
}
