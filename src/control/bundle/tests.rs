use serde_json::json;

use super::*;

fn digest(byte: u8) -> String {
    Sha256::from_bytes([byte; 32]).to_string()
}

fn manifest(sha256: &str) -> Value {
    let text = json!({
        "version": "2.33.07", "device_type": "debian", "distribution": "stable", "archive": "b.tar.gz",
        "sha256": sha256, "size": 9, "created_at": "2026-01-02T03:04:05Z",
    });
    json!({ "text": text.to_string(), "signature": "s" })
}

fn ordered(value: Value) -> BundleOrder {
    match read(value).unwrap() {
        Wanted::Ordered(order) => *order,
        Wanted::Kept(version) => panic!("kept {version}"),
    }
}

#[test]
fn an_address_is_ordered_with_the_digest_that_the_caller_or_the_manifest_names() {
    let url = "https://cdn.example/b.tar.gz";
    let order = ordered(json!({ "url": url, "sha256": format!("sha256:{}", digest(7)), "version": "2.0" }));
    assert_eq!(order.source, BundleSource::Url { url: url.to_owned() });
    assert_eq!((order.sha256.to_string(), order.size), (digest(7), None));
    assert_eq!(order.version.unwrap().as_str(), "2.0");
    let order = ordered(json!({ "url": url, "manifest": manifest(&digest(8)) }));
    assert_eq!((order.sha256.to_string(), order.size), (digest(8), Some(9)));
    assert_eq!(order.version.unwrap().as_str(), "2.33.07");
    assert_eq!(order.manifest.unwrap().signature.as_deref(), Some("s"));
}

#[test]
fn an_upload_and_a_kept_bundle_are_named_by_what_is_known_of_them() {
    let order = ordered(json!({ "uploaded": digest(7) }));
    assert_eq!((order.source, order.sha256.to_string()), (BundleSource::Upload, digest(7)));
    assert_eq!(read(json!({ "kept": "2.33.06" })), Ok(Wanted::Kept("2.33.06".parse().unwrap())));
}

#[test]
fn whatever_else_is_refused_with_the_field_at_fault() {
    let (url, a, b) = ("https://x/", digest(1), digest(2));
    let list = json!({ "text": json!({
        "version": "1", "device_type": "debian", "distribution": "stable", "packages": ["demo-app"],
        "created_at": "2026-01-02T03:04:05Z",
    }).to_string() });
    for (value, code, field) in [
        (json!("x"), "bad_json", "bundle"),
        (json!({}), "bad_json", "bundle"),
        (json!({ "url": url, "uploaded": a }), "bad_json", "bundle"),
        (json!({ "url": url, "uploaded": a, "kept": "1" }), "bad_json", "bundle"),
        (json!({ "url": url, "sha": a }), "bad_json", "bundle.sha"),
        (json!({ "url": 5 }), "bad_json", "bundle.url"),
        (json!({ "url": "ftp://x/", "sha256": a }), "bad_json", "bundle.url"),
        (json!({ "url": url }), "bad_json", "bundle.sha256"),
        (json!({ "url": url, "sha256": "12" }), "bad_json", "bundle.sha256"),
        (json!({ "url": url, "sha256": a, "version": "a b" }), "bad_json", "bundle.version"),
        (json!({ "uploaded": a, "sha256": b }), "bad_json", "bundle.sha256"),
        (json!({ "uploaded": "x" }), "bad_json", "bundle.uploaded"),
        (json!({ "kept": "" }), "bad_json", "bundle.kept"),
        (json!({ "kept": "1", "sha256": a }), "bad_json", "bundle.sha256"),
        (json!({ "kept": "1", "version": "1" }), "bad_json", "bundle.version"),
        (json!({ "kept": "1", "manifest": manifest(&a) }), "bad_json", "bundle.manifest"),
        (json!({ "url": url, "manifest": "x" }), "bad_json", "bundle.manifest"),
        (json!({ "url": url, "manifest": {} }), "bad_json", "bundle.manifest.text"),
        (json!({ "url": url, "manifest": { "text": "x", "sig": "y" } }), "bad_json", "bundle.manifest.sig"),
        (json!({ "url": url, "manifest": { "text": "x" } }), "bad_manifest", "bundle.manifest"),
        (json!({ "url": url, "manifest": list }), "bad_manifest", "bundle.manifest"),
        (json!({ "url": url, "sha256": b, "manifest": manifest(&a) }), "bad_manifest", "bundle.manifest"),
        (json!({ "uploaded": b, "manifest": manifest(&a) }), "bad_manifest", "bundle.manifest"),
        (json!({ "uploaded": a, "manifest": manifest(&a), "version": "3" }), "bad_manifest", "bundle.manifest"),
    ] {
        let shown = value.to_string();
        let refusal = read(value).expect_err(&shown);
        assert_eq!((refusal.code(), refusal.body().field.as_deref()), (code, Some(field)), "{shown}");
    }
}
