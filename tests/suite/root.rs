//! What a device really is: root at `/`, plain dpkg, the host as root and the daemon as an ordinary user. On a
//! throw-away copy of this machine; without root rights these are skipped.

mod access;
mod crash;
mod disk;
mod download;
mod undo;

use std::path::Path;

use belay_protocol::job::Job;
use belay_protocol::local::Status;
use belay_testkit::http::Response;
use belay_testkit::process::Process;
use belay_testkit::root_tier::{Census, Copy, RootDevice, on_a_copy};
use belay_testkit::wait_until;
use serde_json::{Value, json};

use crate::support::*;

/// Enough for everything that these tests install.
const MEGABYTES: u32 = 512;

/// Runs a test of this module, named below it, on a copy of this machine.
#[track_caller]
fn as_root(test: &str, body: impl FnOnce(&RootDevice)) {
    as_root_on(MEGABYTES, test, body);
}

/// The same on a copy whose disk takes so many megabytes of changes.
#[track_caller]
fn as_root_on(megabytes: u32, test: &str, body: impl FnOnce(&RootDevice)) {
    let agent = Path::new(env!("CARGO_BIN_EXE_belay-agent"));
    on_a_copy(Copy { test: &format!("root::{test}"), agent, megabytes }, body);
}

/// The agent as it runs on a device: two processes, two users.
#[derive(Debug)]
struct Halves {
    host: Process,
    daemon: Process,
}

impl Halves {
    #[track_caller]
    fn start(device: &RootDevice) -> Self {
        Self::start_with(device, "")
    }

    /// The same with failpoints in the host.
    #[track_caller]
    fn start_with(device: &RootDevice, failpoints: &str) -> Self {
        let host = device.start_host_with(failpoints);
        Self { host, daemon: device.start_daemon() }
    }

    fn logs(&self) -> String {
        format!("host:\n{}\ndaemon:\n{}", self.host.log_tail(), self.daemon.log_tail())
    }
}

/// Sends a request as root.
#[track_caller]
fn send(device: &RootDevice, target: &str, headers: &str, body: &Value) -> Response {
    let body = body.to_string();
    device.control().exchange(format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Asks for a job and waits for its end.
#[track_caller]
fn job(device: &RootDevice, halves: &Halves, target: &str, body: &Value) -> Job {
    let response = send(device, target, "Prefer: wait\r\n", body);
    assert_eq!(response.status, 200, "{target} {body}: {}\n{}", response.text(), halves.logs());
    read(&response)
}

#[track_caller]
fn update(device: &RootDevice, halves: &Halves, packages: &[&str]) -> Job {
    job(device, halves, "/update", &json!({ "packages": packages }))
}

#[track_caller]
fn rollback(device: &RootDevice, halves: &Halves) -> Job {
    job(device, halves, "/rollback", &json!({}))
}

/// Begins an update without waiting for its end.
#[track_caller]
fn begin(device: &RootDevice, packages: &[&str]) {
    let response = send(device, "/update", "", &json!({ "packages": packages }));
    assert_eq!(response.status, 202, "{}", response.text());
}

/// The last job, once none runs.
#[track_caller]
fn last(device: &RootDevice) -> Job {
    wait_until("the end of the job", PATIENCE, || {
        let status: Status = read(&device.control().get("/status"));
        status.last.filter(|_| status.job.is_none())
    })
}

/// The device with demo-app and its files.
fn census() -> Census {
    Census::take(&["demo-app"])
}
