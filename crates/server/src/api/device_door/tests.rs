//! What a device's message may hold.

use belay_protocol::sync::SyncRequest;
use serde_json::json;

use super::check_sync;

fn request(value: serde_json::Value) -> SyncRequest {
    serde_json::from_value(value).unwrap()
}

#[test]
fn odd_bytes_in_what_a_device_tells_do_not_keep_its_reports_away() {
    let mut request = request(json!({
        "tag": "t", "outbox": "o",
        "profile": {"facts": {"hostname": "a\u{0}b", "capabilities": ["packages", "two words", ""]}},
        "reports": [{"seq": 1, "at": "2026-01-01T00:00:00Z", "status": "failed", "reason": "no_\u{0}", "message": "\u{1b}[31m"}],
    }));
    check_sync(&mut request).unwrap();
    let facts = request.profile.unwrap().facts;
    assert_eq!(facts.hostname, "a\u{fffd}b");
    assert_eq!(facts.capabilities.into_iter().collect::<Vec<_>>(), ["packages"]);
    assert_eq!(request.reports[0].message, "\u{fffd}[31m");
    assert_eq!(request.reports[0].reason.as_deref(), Some("no_\u{fffd}"));
}

#[test]
fn what_names_something_and_cannot_be_stored_is_refused_with_its_field() {
    let report = json!({"seq": u64::MAX, "at": "2026-01-01T00:00:00Z", "status": "failed"});
    for (value, field) in [
        (json!({"tag": "a\u{0}"}), "tag"),
        (json!({"tag": "x".repeat(129)}), "tag"),
        (json!({"tag": "t", "outbox": "a b"}), "outbox"),
        (json!({"tag": "t", "reports": [report]}), "reports[0].seq"),
        (
            json!({"tag": "t", "reports": vec![json!({"seq": 1, "at": "2026-01-01T00:00:00Z", "status": "failed"}); 101]}),
            "reports",
        ),
    ] {
        let refusal = check_sync(&mut request(value)).unwrap_err();
        assert!(format!("{refusal:?}").contains(&format!("field: Some({field:?})")), "{refusal:?}");
    }
}
