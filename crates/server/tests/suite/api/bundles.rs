//! Bundles through the API: published, looked at, given out, promoted, deleted.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::device_door::enrol;
use super::world::{Answer, World, digest, manifest, release};
use crate::api_words::signature;

const PATH: &str = "/api/v1/releases/raspberry_pi/alpha/1.0";
const BYTES: &[u8] = b"an archive, as far as the server can tell";

async fn upload(world: &World) {
    let request = Request::put(format!("/api/v1/artifacts/{}", digest(BYTES)))
        .header("authorization", format!("Bearer {}", world.admin))
        .body(Body::from(BYTES))
        .unwrap();
    assert!(world.send(request).await.status.is_success());
}

fn bundle() -> Value {
    json!({"device_type": "raspberry_pi", "distribution": "alpha", "version": "1.0",
        "bundle": {"sha256": format!("sha256:{}", digest(BYTES))}})
}

fn with(change: Value) -> Value {
    let mut body = bundle();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

async fn get(world: &World, tail: &str, header: (&str, &str)) -> Answer {
    let request = Request::get(format!("{PATH}/{tail}"))
        .header("authorization", format!("Bearer {}", world.admin))
        .header(header.0, header.1)
        .body(Body::empty())
        .unwrap();
    world.send(request).await
}

async fn put_notes(world: &World, kind: &str, text: Vec<u8>) -> Answer {
    let request = Request::put(format!("{PATH}/notes"))
        .header("authorization", format!("Bearer {}", world.admin))
        .header("content-type", kind)
        .body(Body::from(text))
        .unwrap();
    world.send(request).await
}

#[tokio::test]
async fn a_bundle_without_a_manifest_gets_one_that_nobody_signed() {
    let world = World::new().await;
    upload(&world).await;
    let made = world.ask("POST", "/api/v1/releases", bundle()).await.expect(201);
    assert_eq!((&made["kind"], &made["signed"], &made["packages"]), (&json!("bundle"), &json!(false), &json!([])));
    let shown = json!({"sha256": digest(BYTES), "size": BYTES.len(), "url": null, "archive": "update.tar.gz"});
    assert_eq!(made["bundle"], shown);
    assert_eq!(world.ask("POST", "/api/v1/releases", bundle()).await.expect(200), made, "whatever the clock says");

    let manifest = world.ask("GET", &format!("{PATH}/manifest.json"), Value::Null).await.expect(200);
    for (field, value) in [("version", "1.0"), ("distribution", "alpha"), ("archive", "update.tar.gz")] {
        assert_eq!(manifest[field], value);
    }
    assert_eq!(manifest["sha256"], digest(BYTES));
    world.ask("GET", &format!("{PATH}/manifest.sig"), Value::Null).await.refused(404);
}

#[tokio::test]
async fn a_manifest_and_its_signature_are_kept_to_the_byte() {
    let world = World::new().await;
    upload(&world).await;
    let text = format!("{:#}\n\n", manifest(BYTES));
    let signed = |text: &str, signature: String| with(json!({"manifest": {"text": text, "signature": signature}}));
    let made = world.ask("POST", "/api/v1/releases", signed(&text, signature(1, 1))).await.expect(201);
    assert_eq!(made["signed"], true);
    let shown = get(&world, "manifest.json", ("accept", "*/*")).await;
    assert_eq!(String::from_utf8(shown.bytes).unwrap(), text);
    let shown = get(&world, "manifest.sig", ("accept", "*/*")).await;
    assert_eq!(String::from_utf8(shown.bytes).unwrap(), signature(1, 1));

    let later = text.replace("03:04:05", "04:05:06").replace("alpha", "beta");
    let again = world.ask("POST", "/api/v1/releases", signed(&later, signature(1, 2))).await.expect(200);
    assert_eq!(again, made, "when and how often it was signed is no content");
    let refused = world.ask("POST", "/api/v1/releases", signed(&text, signature(2, 1))).await;
    assert_eq!(refused.refused(409).0, "release_exists", "another key");
    let other = text.replace("\"more\"", "\"less\"");
    world.ask("POST", "/api/v1/releases", signed(&other, signature(1, 1))).await.refused(409);
    world.ask("POST", "/api/v1/releases", bundle()).await.refused(409);
}

#[tokio::test]
async fn a_bundle_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::new().await;
    let sha256 = digest(BYTES);
    let refused = world.ask("POST", "/api/v1/releases", bundle()).await;
    assert_eq!(refused.refused(422), ("no_artifact", "bundle.sha256"));
    let elsewhere = |url: &str| json!({"bundle": {"sha256": "0".repeat(64), "url": url}});
    assert_eq!(
        world.ask("POST", "/api/v1/releases", with(elsewhere("https://a/b"))).await.refused(422),
        ("size_needed", "bundle.size")
    );
    upload(&world).await;
    let says = |field: &str, value: Value| {
        let mut manifest = manifest(BYTES);
        manifest[field] = value;
        json!({"manifest": {"text": manifest.to_string()}})
    };
    let signed = |signature: &str| json!({"manifest": {"text": manifest(BYTES).to_string(), "signature": signature}});
    let cut = signature(1, 1).replace("trusted comment: ", "");
    for (change, field) in [
        (json!({"bundle": null}), "packages"),
        (json!({"packages": ["demo-app"]}), "bundle"),
        (json!({"bundle": {"sha256": "abc"}}), "bundle.sha256"),
        (json!({"bundle": {"sha256": sha256, "size": 1}}), "bundle.size"),
        (json!({"bundle": {"sha256": sha256, "sise": 1}}), "bundle.sise"),
        (elsewhere("ftp://a/b"), "bundle.url"),
        (elsewhere("https://me:secret@a/b"), "bundle.url"),
        (elsewhere("update.tar.gz"), "bundle.url"),
        (json!({"manifest": {"text": "[]"}}), "manifest"),
        (json!({"manifest": {"text": " ".repeat(256 * 1024 + 1)}}), "manifest.text"),
        (json!({"manifest": {"text": "\u{1}"}}), "manifest.text"),
        (says("device_type", json!("toaster")), "manifest"),
        (says("version", json!("1.1")), "manifest"),
        (says("sha256", json!("0".repeat(64))), "manifest"),
        (says("size", json!(1)), "manifest"),
        (signed("signed"), "manifest.signature"),
        (signed(&cut), "manifest.signature"),
        (signed(&"x".repeat(4097)), "manifest.signature"),
        (json!({"approve": ["guard_typo"]}), "approve"),
    ] {
        let answer = world.ask("POST", "/api/v1/releases", with(change.clone())).await;
        assert_eq!(answer.refused(422).1, field, "{:.120}", change.to_string());
    }
    let mut list = release("1.0");
    list["manifest"] = says("sha256", Value::Null)["manifest"].clone();
    assert_eq!(world.ask("POST", "/api/v1/releases", list).await.refused(422).1, "manifest");
}

#[tokio::test]
async fn a_package_list_may_have_a_manifest_that_names_the_same_packages() {
    let world = World::new().await;
    let says = |packages: &[&str]| {
        let text = json!({"version": "1.0", "device_type": "raspberry_pi", "distribution": "alpha",
            "packages": packages, "created_at": "2026-01-02T03:04:05Z"});
        let mut list = release("1.0");
        list["manifest"] = json!({"text": text.to_string(), "signature": signature(1, 1)});
        list
    };
    assert_eq!(
        world.ask("POST", "/api/v1/releases", says(&["demo-app=2.0"])).await.refused(422),
        ("manifest_differs", "manifest")
    );
    let made = world.ask("POST", "/api/v1/releases", says(&["demo-app=1.0"])).await.expect(201);
    assert_eq!((&made["kind"], &made["signed"]), (&json!("packages"), &json!(true)));
    world.ask("POST", "/api/v1/releases", release("1.0")).await.refused(409);
    let found = world.ask("GET", &format!("{PATH}/verify"), Value::Null).await.expect(200);
    assert_eq!((&found["manifest_exists"], &found["archive_exists"]), (&json!(true), &json!(false)));
    assert_eq!((&found["sha256_match"], &found["missing"]), (&Value::Null, &json!([])));
    world.ask("GET", &format!("{PATH}/download"), Value::Null).await.refused(404);
}

#[tokio::test]
async fn an_archive_is_given_out_whole_and_in_parts() {
    let world = World::new().await;
    upload(&world).await;
    let text = manifest(BYTES).to_string().replace("update.tar.gz", "..\\\"evil");
    let body = with(json!({"manifest": {"text": text}}));
    world.ask("POST", "/api/v1/releases", body).await.expect(201);
    let whole = get(&world, "download", ("accept", "*/*")).await;
    assert_eq!((whole.status.as_u16(), whole.bytes.as_slice()), (200, BYTES));
    assert_eq!(whole.headers["content-disposition"], "attachment; filename=\"update.tar.gz\"");
    assert_eq!(whole.headers["etag"], format!("\"{}\"", digest(BYTES)).as_str());
    let part = get(&world, "download", ("range", "bytes=3-9")).await;
    assert_eq!((part.status.as_u16(), part.bytes.as_slice()), (206, &BYTES[3..10]));
    assert_eq!(get(&world, "download", ("range", "bytes=1000-")).await.refused(416).0, "range_not_satisfiable");
    let same = get(&world, "download", ("if-none-match", &format!("\"{}\"", digest(BYTES)))).await;
    assert_eq!(same.status.as_u16(), 304);
}

#[tokio::test]
async fn what_is_there_of_a_release_is_found_out_by_reading_it() {
    let world = World::new().await;
    upload(&world).await;
    world.ask("POST", "/api/v1/releases", bundle()).await.expect(201);
    let found = async || world.ask("GET", &format!("{PATH}/verify"), Value::Null).await.expect(200);
    let good = found().await;
    assert_eq!((&good["archive_exists"], &good["sha256_match"]), (&json!(true), &json!(true)));
    assert_eq!((&good["archive_name"], &good["missing"]), (&json!("update.tar.gz"), &json!([])));
    assert_eq!((&good["manifest"]["version"], &good["version"]), (&json!("1.0"), &json!("1.0")));

    let file = world.artifacts().pop().unwrap();
    let mut damaged = BYTES.to_vec();
    damaged[7] ^= 1;
    belay_testkit::ownership::write(&file, damaged);
    let bad = found().await;
    assert_eq!((&bad["archive_exists"], &bad["sha256_match"]), (&json!(true), &json!(false)));
    std::fs::remove_file(&file).unwrap();
    let gone = found().await;
    assert_eq!((&gone["archive_exists"], &gone["sha256_match"]), (&json!(false), &Value::Null));
    assert_eq!(gone["missing"], json!(["archive"]));
    world.ask("GET", &format!("{PATH}/download"), Value::Null).await.refused(404);
}

#[tokio::test]
async fn an_archive_may_lie_elsewhere() {
    let world = World::new().await;
    let there = json!({"bundle": {"sha256": digest(BYTES), "size": 7, "url": "https://cdn.example.org/a.tar.gz"}});
    let made = world.ask("POST", "/api/v1/releases", with(there)).await.expect(201);
    assert_eq!(made["bundle"]["size"], 7);
    let found = world.ask("GET", &format!("{PATH}/verify"), Value::Null).await.expect(200);
    assert_eq!((&found["archive_exists"], &found["missing"]), (&json!(false), &json!([])));
    let refused = world.ask("GET", &format!("{PATH}/download"), Value::Null).await;
    assert!(refused.body["message"].as_str().unwrap().contains("https://cdn.example.org/a.tar.gz"));
    refused.refused(404);
}

#[tokio::test]
async fn notes_may_change_and_nothing_else() {
    let world = World::new().await;
    upload(&world).await;
    let made = world.ask("POST", "/api/v1/releases", bundle()).await.expect(201);
    let text = "Ünicode\nand lines\n".to_owned() + &"x".repeat(65_000);
    let changed = put_notes(&world, "text/plain; charset=utf-8", text.clone().into()).await.expect(200);
    assert_eq!((&changed["notes"], &changed["sha256"]), (&json!(text), &made["sha256"]));
    let shown = get(&world, "notes", ("accept", "*/*")).await;
    assert_eq!(String::from_utf8(shown.bytes).unwrap(), text);
    for (kind, text, status) in [
        ("application/json", b"\"a\"".to_vec(), 415),
        ("text/plain", vec![0xff], 400),
        ("text/plain", b"a\x1b[31m".to_vec(), 422),
        ("text/plain", vec![b'x'; 64 * 1024 + 1], 422),
        ("text/plain", vec![b'x'; 64 * 1024 + 2], 413),
    ] {
        put_notes(&world, kind, text).await.refused(status);
    }
    let audit = world.ask("GET", "/api/v1/audit?action=release.notes", Value::Null).await.expect(200);
    assert_eq!(audit["total"], 1);
}

#[tokio::test]
async fn a_release_is_promoted_as_it_is() {
    let world = World::new().await;
    upload(&world).await;
    let text = manifest(BYTES).to_string();
    let body = with(json!({"manifest": {"text": text, "signature": signature(1, 1)}, "notes": "new"}));
    let made = world.ask("POST", "/api/v1/releases", body).await.expect(201);
    let promote = async |to: &str| world.ask("POST", &format!("{PATH}/promote"), json!({"distribution": to})).await;
    let beta = promote("beta").await.expect(201);
    assert_eq!((&beta["distribution"], &beta["promoted_from"]), (&json!("beta"), &json!("alpha")));
    for same in ["sha256", "bundle", "signed", "notes"] {
        assert_eq!(beta[same], made[same], "{same}");
    }
    assert_eq!(promote("beta").await.expect(200), beta);
    let path = "/api/v1/releases/raspberry_pi/beta/1.0";
    let shown = world.ask("GET", &format!("{path}/manifest.json"), Value::Null).await;
    assert_eq!(String::from_utf8(shown.bytes).unwrap(), text);

    let mut other = release("1.0");
    other["distribution"] = json!("gamma");
    world.ask("POST", "/api/v1/releases", other).await.expect(201);
    assert_eq!(promote("gamma").await.refused(409).0, "release_exists");
    assert_eq!(promote("no/ring").await.refused(422).1, "distribution");
    world.ask("DELETE", PATH, Value::Null).await.expect(204);
    world.ask("POST", &format!("{PATH}/promote"), json!({"distribution": "delta"})).await.refused(404);
    assert_eq!(world.ask("GET", &format!("{path}/verify"), Value::Null).await.expect(200)["sha256_match"], true);
}

#[tokio::test]
async fn a_release_that_a_device_has_is_not_deleted() {
    let world = World::new().await;
    world.ask("POST", "/api/v1/releases", release("1.0")).await.expect(201);
    let key = enrol(&world, "a").await;
    let told = json!({"tag": "t", "profile": {"installed": {"release": "v1.0"},
        "facts": {"capabilities": ["reports_version"]}}});
    world.ask_as(Some(&key), "POST", "/api/v1/sync", told.clone()).await.expect(200);
    let devices = world.ask("GET", "/api/v1/devices", Value::Null).await.expect(200);
    let device = devices["items"][0]["id"].as_str().unwrap().to_owned();
    let refused = world.ask("DELETE", PATH, Value::Null).await;
    assert!(refused.body["message"].as_str().unwrap().contains(&device), "{:?}", refused.body);
    assert_eq!(refused.refused(409).0, "release_in_use");
    let mut other = told;
    other["tag"] = json!("u");
    other["profile"]["installed"]["release"] = json!("2.0");
    world.ask_as(Some(&key), "POST", "/api/v1/sync", other).await.expect(200);
    world.ask("DELETE", PATH, Value::Null).await.expect(204);
}
