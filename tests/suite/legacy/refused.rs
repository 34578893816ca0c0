//! What bad input gets: refused with the line or field named, nothing run, nothing changed. And who may not ask at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_testkit::http::Endpoint;
use belay_testkit::ownership::write_with_mode;
use belay_testkit::{Snapshot, assert_same};
use serde_json::json;

use super::{free_address, start};
use crate::support::*;

/// Content type and body, then status and code, then the line or the field that is named.
type Case = (&'static str, String, u16, &'static str, Option<usize>, Option<&'static str>);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const BASE64: &str = "application/octet-stream";

#[test]
fn bad_input_is_refused_with_its_line_or_field_and_nothing_runs() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let (agent, address) = start(&sandbox);
    let encoded = |list: &[u8]| STANDARD.encode(list);
    let push = |list: &[u8]| json!({ "filename": "list", "filedata": encoded(list) }).to_string();
    let many = "demo-app\n".repeat(10_000);
    let huge = "a".repeat(10 << 20);
    let mut cases: Vec<Case> = Vec::new();
    for line in [
        "-o=Dir::Etc=/tmp",
        "--purge",
        "demo-app;reboot",
        "demo app",
        "Demo-App",
        "a=b=c",
        "demo-app=",
        "../x",
        "demo-app-",
        "démo",
    ] {
        let list = format!("# first\ndemo-app=2.0\n{line}\n");
        cases.push((JSON, push(list.as_bytes()), 400, "bad_line", Some(3), None));
        cases.push((TEXT, list.clone(), 400, "bad_line", Some(3), None));
        cases.push((BASE64, encoded(list.as_bytes()), 400, "bad_line", Some(3), None));
        cases.push((JSON, json!({ "packages": ["demo-app", line] }).to_string(), 400, "bad_line", Some(2), None));
    }
    cases.extend([
        (JSON, push(b"demo-app=1.0\ndemo-app=2.0\n"), 400, "bad_line", Some(2), None),
        (JSON, push(b"demo-app\n\xff\xfe\n"), 400, "not_utf8", Some(2), None),
        (BASE64, encoded(b"\xc3\x28"), 400, "not_utf8", Some(1), None),
        (JSON, r#"{"filename":"l","filedata":"***"}"#.to_owned(), 400, "bad_base64", None, None),
        (BASE64, "demo-app".to_owned() + "!", 400, "bad_base64", None, None),
        (JSON, "demo-app=2.0".to_owned(), 400, "bad_json", None, None),
        (JSON, r#"{"filename":"l"}"#.to_owned(), 400, "bad_json", None, Some("filedata")),
        (JSON, r#"{"filename":"l","filedata":7}"#.to_owned(), 400, "bad_json", None, Some("filedata")),
        (JSON, "{}".to_owned(), 400, "bad_json", None, Some("packages")),
        (JSON, r#"{"packages":"demo-app"}"#.to_owned(), 400, "bad_json", None, Some("packages")),
        (JSON, r#"{"packages":["demo-app"],"dry_rnu":true}"#.to_owned(), 400, "bad_json", None, Some("dry_rnu")),
        (JSON, r#"{"packages":["demo-app"],"approve":["all"]}"#.to_owned(), 400, "bad_json", None, Some("approve")),
        (JSON, push(many.as_bytes()), 413, "too_many_lines", Some(5001), None),
        (TEXT, many.clone(), 413, "too_many_lines", Some(5001), None),
        (TEXT, huge.clone(), 413, "body_too_large", None, None),
        (JSON, json!({ "filename": "l", "filedata": huge }).to_string(), 413, "body_too_large", None, None),
        ("application/xml", "<list/>".to_owned(), 415, "unsupported_type", None, None),
        ("multipart/form-data; boundary=x", "--x--".to_owned(), 415, "unsupported_type", None, None),
    ]);
    for (content_type, body, status, code, line, field) in &cases {
        let case = format!("{content_type} {}", body.chars().take(80).collect::<String>());
        let socket = Endpoint::Unix(agent.socket()).post("/update", content_type, body);
        let refused = refusal(&socket, *status, code);
        assert_eq!((refused.line, refused.field.as_deref()), (*line, *field), "{case}: {}", refused.message);
        assert!(
            line.is_none_or(|line| code.contains("lines") || refused.message.contains(&format!("line {line}"))),
            "{case}: {}",
            refused.message
        );
        // The old controller is told the same; what only native callers send needs a credential from there.
        if *content_type == JSON && body.contains("filedata") {
            refusal(&Endpoint::Tcp(address).post("/update", content_type, body), *status, code);
        }
    }
    assert_eq!(history(&agent).jobs, []);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn who_has_no_credential_is_turned_away() {
    let sandbox = demo_sandbox();
    let before = Snapshot::of(&sandbox);
    let address = free_address();
    let token = sandbox.run_dir().join("token");
    write_with_mode(&token, "0123456789abcdef0123456789abcdef\n", 0o600);
    let doors = format!("listen = [\"{address}\"]\ntoken_file = {token:?}");
    let agent = launch(&sandbox).control(&doors).start();
    let endpoint = Endpoint::Tcp(address);
    let send = |method: &str, path: &str, headers: &str| {
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
        endpoint.exchange(format!(
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: 0\r\n{headers}\r\n"
        ))
    };
    let right = "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n";
    for (method, path, headers, status, code) in [
        ("GET", "/rollback", String::new(), 401, "token_missing"),
        ("POST", "/update", String::new(), 401, "token_missing"),
        ("GET", "/status", String::new(), 401, "token_missing"),
        ("GET", "/status", right.replace("0123", "1123"), 401, "token_wrong"),
        ("GET", "/rollback", format!("{right}Origin: http://evil.example\r\n"), 403, "foreign_origin"),
        ("GET", "/status", format!("{right}Host: evil.example\r\n"), 421, "wrong_host"),
        ("PUT", "/update", right.to_owned(), 405, "method_not_allowed"),
        ("GET", "/nothing", right.to_owned(), 404, "unknown_route"),
    ] {
        refusal(&send(method, path, &headers), status, code);
    }
    assert_eq!(send("GET", "/status", right).status, 200);
    assert_eq!(history(&agent).jobs, []);
    assert_same(&before, &Snapshot::of(&sandbox));
}

#[test]
fn the_open_door_is_shown_in_the_status_and_logged_at_each_start() {
    let sandbox = demo_sandbox();
    let (agent, _) = start(&sandbox);
    assert_says(&status(&agent).warnings.join("\n"), &["127.0.0.0/8"]);
    assert_says(&agent.log(), &["127.0.0.0/8"]);
    let closed = launch(&sandbox).control("legacy = [\"127.0.0.0/8\"]");
    drop(agent);
    // Without an address to listen on there is no door.
    assert_eq!(status(&closed.start()).warnings, Vec::<String>::new());
}

#[test]
fn an_unknown_setting_stops_the_start_with_file_line_and_key() {
    let sandbox = demo_sandbox();
    let mut agent = launch(&sandbox).control("lisen = []").spawn();
    assert!(!agent.wait_exit().success());
    assert_says(&agent.log(), &["agent.toml:", "lisen"]);
}
