//! How requests are read, and what is said of those that cannot be.

use belay_protocol::admin::{CreateDeployment, CreateRelease};
use serde_json::{Value, json};

use super::{field, page_of, read_order};

#[test]
fn a_field_at_fault_is_named_with_its_path() {
    for (body, at_fault) in [
        (json!({}), "release"),
        (
            json!({"release": {"device_type": "a", "distribution": "b"}, "strategy": {"kind": "manual"}}),
            "release.version",
        ),
        (json!({"release": {"device_type": "a", "distribution": "b", "version": "1/2"}}), "release.version"),
        (with(json!({"name": 5})), "name"),
        (with(json!({"policy": {"retries": 300}})), "policy.retries"),
        (with(json!({"policy": {"retrys": 3}})), "policy.retrys"),
        (with(json!({"filter": {"tags": ["a", 5]}})), "filter.tags[1]"),
        (with(json!({"nmae": "x"})), "nmae"),
        (with(json!({"name": "a\u{0}"})), "name"),
        (with(json!({"strategy": {"kind": "sideways"}})), "strategy.kind"),
        (with(json!({"strategy": {"kind": "manual", "percent": 5}})), "strategy.percent"),
    ] {
        let refusal = read_order::<CreateDeployment>(body.to_string().as_bytes()).unwrap_err();
        let expected = format!("field: Some({at_fault:?})");
        assert!(format!("{refusal:?}").contains(&expected), "{body}: {refusal:?}");
    }
}

#[test]
fn a_field_beside_the_parts_of_a_name_is_known_or_refused() {
    let body = json!({"device_type": "a", "distribution": "b", "version": "1", "packages": ["x"]});
    assert!(read_order::<CreateRelease>(body.to_string().as_bytes()).is_ok());
    let body = json!({"device_type": "a", "distribution": "b", "version": "1", "packages": ["x"], "note": "x"});
    let refusal = read_order::<CreateRelease>(body.to_string().as_bytes()).unwrap_err();
    assert!(format!("{refusal:?}").contains("field: Some(\"note\")"), "{refusal:?}");
}

#[test]
fn what_is_no_json_has_no_field() {
    for body in ["", "{", "nonsense", "{} {}", "\u{0}", "{\"a\": 1e999}"] {
        let refusal = read_order::<CreateRelease>(body.as_bytes()).unwrap_err();
        assert!(format!("{refusal:?}").contains("status: 400"), "{body:?}: {refusal:?}");
    }
    let deep = "[".repeat(10_000);
    assert!(format!("{:?}", read_order::<CreateRelease>(deep.as_bytes()).unwrap_err()).contains("status: 400"));
}

#[test]
fn a_missing_field_is_named_once() {
    assert_eq!(field(".", "missing field `name`"), "name");
    assert_eq!(field("release", "missing field `name`"), "release.name");
    assert_eq!(field("name", "unknown field `name`, expected one of"), "name");
    assert_eq!(field("policy.retries", "invalid type: string"), "policy.retries");
}

#[test]
fn a_page_has_its_edges() {
    for (page, page_size, fits) in
        [(1, 1, true), (1, 500, true), (u32::MAX, 50, true), (0, 1, false), (1, 0, false), (1, 501, false)]
    {
        assert_eq!(page_of(page, page_size).is_ok(), fits, "{page} of {page_size}");
    }
}

fn with(field: Value) -> Value {
    let mut body = json!({
        "release": {"device_type": "a", "distribution": "b", "version": "1"}, "strategy": {"kind": "manual"},
    });
    body.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
    body
}
