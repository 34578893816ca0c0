use serde_json::{Value, json};

use super::*;

mod versions;

/// A request with everything in it.
fn full_request() -> SyncRequest {
    SyncRequest {
        tag: "0123456789abcdef".to_owned(),
        profile: Some(Profile {
            installed: Installed {
                release: Some("2.1.0".parse().unwrap()),
                generation: Generation(3),
                drift: vec!["curl is 8.0 and should be 7.9".to_owned()],
                needs_attention: true,
            },
            facts: Facts {
                hostname: "pi".to_owned(),
                architecture: "arm64".to_owned(),
                os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
                agent: "0.1.0".to_owned(),
                hardware: "board".to_owned(),
                device_key: "ABC123".to_owned(),
                capabilities: [capability::PACKAGES, capability::STAGED].map(str::to_owned).into(),
            },
        }),
        outbox: "outbox".to_owned(),
        reports: vec![Report {
            seq: 7,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            assignment: Some(part()),
            job: Some(JobId(9)),
            status: ReportStatus::Completed,
            reason: Some("interrupted".to_owned()),
            message: "done".to_owned(),
            closure: Some(closure()),
        }],
    }
}

/// An answer with everything in it, though never all at once.
fn full_response() -> SyncResponse {
    SyncResponse {
        now: "2026-01-02T03:04:05Z".parse().unwrap(),
        next_s: 10,
        authorized: false,
        acknowledged: Some(7),
        send_profile: true,
        assignment: Some(Assignment {
            id: part(),
            action: Action::InstallPackages {
                release: "2.1.0".parse().unwrap(),
                packages: "curl=8.0\n".parse().unwrap(),
                closure: Some(closure()),
                approve: vec!["guard_removal".to_owned()],
                manifest: None,
            },
            spread_s: 30,
        }),
        cancel: Some(part()),
    }
}

fn part() -> AssignmentRef {
    AssignmentRef { deployment: "m_1".parse().unwrap(), attempt: 2 }
}

fn closure() -> Closure {
    Closure { packages: vec!["curl=8.0".parse().unwrap()], removed: Vec::new() }
}

fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn an_idle_sync_is_small() {
    let request = SyncRequest { tag: "0123456789abcdef".to_owned(), ..SyncRequest::default() };
    assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"tag":"0123456789abcdef"}"#);
    let response: SyncResponse = serde_json::from_str(r#"{"now":"2026-01-02T03:04:05Z","next_s":60}"#).unwrap();
    assert!(response.authorized);
    assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"now":"2026-01-02T03:04:05Z","next_s":60}"#);
}

#[test]
fn an_idle_sync_with_its_headers_is_at_most_600_bytes_each_way() {
    let request = SyncRequest { tag: "f".repeat(64), ..SyncRequest::default() };
    let body = serde_json::to_string(&request).unwrap();
    let key = format!("belay_dev_d_{}.{}", "0".repeat(24), "A".repeat(43));
    let host = format!("{}.example.com:65535", "h".repeat(63));
    let head = format!(
        "POST /api/v1/sync HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\naccept: */*\r\n\
         user-agent: belay-agent/100.100.100\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    assert!(head.len() + body.len() <= 600, "{}", head.len() + body.len());

    let response = SyncResponse {
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        next_s: u32::MAX,
        authorized: false,
        acknowledged: None,
        send_profile: true,
        assignment: None,
        cancel: None,
    };
    let body = serde_json::to_string(&response).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: Fri, 20 Nov 2026 12:00:00 GMT\r\n\
         connection: keep-alive\r\n\r\n",
        body.len()
    );
    assert!(head.len() + body.len() <= 600, "{}", head.len() + body.len());
}

#[test]
fn a_request_is_written_so() {
    let expected = json!({
        "tag": "0123456789abcdef",
        "profile": {
            "installed": {
                "release": "2.1.0",
                "generation": 3,
                "drift": ["curl is 8.0 and should be 7.9"],
                "needs_attention": true,
            },
            "facts": {
                "hostname": "pi",
                "architecture": "arm64",
                "os": "Debian GNU/Linux 12 (bookworm)",
                "agent": "0.1.0",
                "device_key": "ABC123", "hardware": "board",
                "capabilities": ["packages", "staged"],
            },
        },
        "outbox": "outbox",
        "reports": [{
            "seq": 7,
            "at": "2026-01-02T03:04:05Z",
            "assignment": {"deployment": "m_1", "attempt": 2},
            "job": 9,
            "status": "completed",
            "reason": "interrupted",
            "message": "done",
            "closure": {"packages": ["curl=8.0"]},
        }],
    });
    assert_eq!(written(&full_request()), expected);
    assert_eq!(serde_json::from_value::<SyncRequest>(expected).unwrap(), full_request());
}

#[test]
fn an_answer_is_written_so() {
    let expected = json!({
        "now": "2026-01-02T03:04:05Z",
        "next_s": 10,
        "authorized": false,
        "acknowledged": 7,
        "send_profile": true,
        "assignment": {
            "deployment": "m_1",
            "attempt": 2,
            "action": {
                "kind": "install_packages",
                "release": "2.1.0",
                "packages": ["curl=8.0"],
                "closure": {"packages": ["curl=8.0"]},
                "approve": ["guard_removal"],
            },
            "spread_s": 30,
        },
        "cancel": {"deployment": "m_1", "attempt": 2},
    });
    assert_eq!(written(&full_response()), expected);
    assert_eq!(serde_json::from_value::<SyncResponse>(expected).unwrap(), full_response());
    let back =
        Assignment { id: part(), action: Action::RollBack { release: Some("2.1.0".parse().unwrap()) }, spread_s: 0 };
    let expected = json!({"deployment": "m_1", "attempt": 2, "action": {"kind": "roll_back", "release": "2.1.0"}});
    assert_eq!(written(&back), expected);
    assert_eq!(serde_json::from_value::<Assignment>(expected).unwrap(), back);
}

#[test]
fn every_status_has_its_word() {
    use ReportStatus as Status;
    for (status, word) in [
        (Status::Downloading, "downloading"),
        (Status::Installing, "installing"),
        (Status::Verifying, "verifying"),
        (Status::Completed, "completed"),
        (Status::Failed, "failed"),
        (Status::RolledBack, "rolled_back"),
        (Status::Deferred, "deferred"),
        (Status::Skipped, "skipped"),
        (Status::Unknown, "unknown"),
    ] {
        assert_eq!(written(&status), word);
        assert_eq!(serde_json::from_value::<Status>(json!(word)).unwrap(), status);
    }
}
