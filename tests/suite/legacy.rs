//! The old controller, unmodified: its bytes in, the answers that it expects out; and what bad input gets.

mod refused;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_protocol::Reason;
use belay_protocol::job::{Generation, JobState};
use belay_testkit::http::Endpoint;
use belay_testkit::{Agent, Sandbox, Script, Snapshot, assert_same};

use crate::support::*;

/// What the Qt controller sends, byte for byte: indented JSON with sorted keys, Qt's own headers, the connection kept.
fn qt_push(port: u16, file: &[u8], name: &str) -> Vec<u8> {
    let body = format!("{{\n    \"filedata\": \"{}\",\n    \"filename\": \"{name}\"\n}}\n", STANDARD.encode(file));
    let head = format!(
        "POST /update HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: Keep-Alive\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,*\r\n\
         User-Agent: Mozilla/5.0\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn qt_get(port: u16, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip, deflate\r\n\
         Accept-Language: en-US,*\r\nUser-Agent: Mozilla/5.0\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn the_old_controller_finds_updates_and_rolls_back_a_device_over_one_connection() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let (agent, address) = start(&sandbox);
    let port = address.port();
    let mut controller = Endpoint::Tcp(address).connect().expect("the agent listens");
    for (request, answer) in [
        (qt_get(port, "/ping"), r#"{"status":"alive","device":"raspberry-pi"}"#),
        (qt_push(port, b"demo-app=2.0\r\n", "packages.txt"), r#"{"status":"Update completed"}"#),
        (qt_push(port, b"demo-app=3.0\n", "packages.txt"), r#"{"status":"Update completed"}"#),
        (qt_push(port, b"", ""), r#"{"status":"Update completed"}"#),
        (qt_get(port, "/rollback"), r#"{"status":"Rollback completed"}"#),
    ] {
        controller.send(&request);
        let response = controller.response();
        assert_eq!((response.status, response.reason.as_str()), (200, "OK"), "{}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.text(), answer);
    }
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    assert_eq!(rollback_file(&sandbox).as_deref(), Some("demo-app=2.0\n"));
    controller.send(qt_get(port, "/rollback"));
    assert_eq!(controller.response().status, 200);
    assert_same(&before, &Snapshot::of(&sandbox));
    drop(agent);
}

#[test]
fn a_file_without_a_name_or_with_other_fields_is_a_file_all_the_same() {
    let sandbox = demo_sandbox();
    let (_agent, address) = start(&sandbox);
    for (version, more) in [("2.0", ""), ("3.0", r#","filesize":13"#)] {
        let filedata = STANDARD.encode(format!("\u{feff}demo-app={version}\r\n\r\n"));
        let body = format!(r#"{{"filedata":"{filedata}"{more}}}"#);
        let response = Endpoint::Tcp(address).post("/update", "application/json", &body);
        assert_eq!((response.status, response.text().as_str()), (200, r#"{"status":"Update completed"}"#));
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some(version));
    }
}

#[test]
fn an_update_that_fails_is_an_http_error_because_the_controller_looks_at_nothing_else() {
    let debs = [demo("1.0"), demo("2.0").script(Script::Postinst, "exit 1")];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0"]);
    let before = Snapshot::of(&sandbox);
    let (agent, address) = start(&sandbox);
    for (list, status, code) in [
        (&b"demo-app\n"[..], 500, "apply_failed"),
        (b"demo-nothing\n", 422, "unknown_package"),
        (b"demo-app=7\n", 422, "version_unavailable"),
    ] {
        let response = Endpoint::Tcp(address).exchange(qt_push(address.port(), list, "list"));
        let body = refusal(&response, status, code);
        assert!(body.job.is_some() && !body.message.is_empty(), "{body:?}");
        assert_same(&before, &Snapshot::of(&sandbox));
    }
    refusal(&Endpoint::Tcp(address).get("/rollback"), 409, "nothing_to_undo");
    assert_eq!((status(&agent).generation, rollback_file(&sandbox)), (Generation(0), None));
}

#[test]
fn a_second_job_while_one_runs_is_refused_with_that_job() {
    let slow = demo("2.0").script(Script::Postinst, &stop_at("slow"));
    let sandbox = sandbox_with(&[demo("1.0"), slow, demo("3.0")], &["demo-app=1.0"]);
    let (agent, address) = start(&sandbox);
    let id = begin_update(&agent, &["demo-app=2.0"]);
    wait_reached(&sandbox, "slow");
    let push = Endpoint::Tcp(address).exchange(qt_push(address.port(), b"demo-app=3.0\n", "list"));
    let native = ask(&agent, "/update", &serde_json::json!({ "packages": ["demo-app=3.0"] }));
    for response in [push, native] {
        let body = refusal(&response, 409, "busy");
        assert_eq!(body.job, Some(id));
        assert_says(&body.message, &["job 1 is applying"]);
    }
    // A rollback waits behind it, the newest one alone.
    let first = begin(&agent, "/rollback", &serde_json::json!({}));
    let second = begin(&agent, "/rollback", &serde_json::json!({}));
    assert_eq!(status(&agent).queued, Some(second));
    release(&sandbox, "slow");
    assert_committed(&wait_end(&agent, id));
    assert_gone_back(&wait_end(&agent, second));
    assert_end(&wait_end(&agent, first), JobState::Refused, Some(Reason::Cancelled));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
}

#[test]
fn a_rollback_before_anything_was_changed_cancels_the_update() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    // An apt source that takes its time: planning hangs until the pipe is opened.
    let (agent, address) = start(&sandbox);
    let release_file = sandbox.repository().dir().join("Release");
    let text = std::fs::read(&release_file).expect("the repository has one");
    std::fs::remove_file(&release_file).expect("it was there");
    belay_testkit::command::succeed(belay_testkit::command::command("mkfifo").arg(&release_file));
    let id = begin_update(&agent, &["demo-app=2.0"]);
    let cancelled = std::thread::scope(|scope| {
        let rollback = scope.spawn(|| Endpoint::Tcp(address).get("/rollback"));
        belay_testkit::wait_until("the update to be told", PATIENCE, || {
            job(&agent, id).message.contains("stopping").then_some(())
        });
        belay_testkit::command::succeed(belay_testkit::command::command("rm").arg(&release_file));
        belay_testkit::ownership::write(&release_file, text);
        rollback.join().expect("the rollback was answered")
    });
    assert_eq!((cancelled.status, cancelled.text().as_str()), (200, r#"{"status":"Rollback completed"}"#));
    assert_end(&wait_end(&agent, id), JobState::Refused, Some(Reason::Cancelled));
    assert_same(&before, &Snapshot::of(&sandbox));
}

/// The agent with the old format switched on for loopback.
fn start(sandbox: &Sandbox) -> (Agent<'_>, SocketAddr) {
    let address = free_address();
    let doors = format!("listen = [\"{address}\"]\nlegacy = [\"127.0.0.0/8\"]");
    (launch(sandbox).control(&doors).start(), address)
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address")
}
