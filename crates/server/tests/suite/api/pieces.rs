//! Artifacts in pieces, through the API.

use axum::body::Body;
use axum::http::Request;
use belay_protocol::admin::Permission;
use serde_json::{Value, json};

use super::world::{SIZES, World, digest};

const WHOLE: &[u8] = b"first second";

fn path() -> String {
    format!("/api/v1/artifacts/{}/assemble", digest(WHOLE))
}

fn order() -> Value {
    json!({"pieces": [digest(b"first"), digest(b" second")], "size": 12})
}

async fn upload(world: &World, bytes: &'static [u8]) {
    let request = Request::put(format!("/api/v1/artifacts/{}", digest(bytes)))
        .header("authorization", format!("Bearer {}", world.admin))
        .body(Body::from(bytes))
        .unwrap();
    assert!(world.send(request).await.status.is_success());
}

#[tokio::test]
async fn what_is_missing_is_listed_and_what_is_whole_is_kept() {
    let world = World::new().await;
    upload(&world, b"first").await;
    let refused = world.ask("POST", &path(), order()).await;
    assert_eq!(refused.refused(409), ("pieces_missing", "pieces"));
    assert_eq!(refused.body["missing"], json!([digest(b" second")]));
    assert!(refused.body["message"].as_str().unwrap().starts_with("1 of 2 pieces are not here"), "{refused:?}");
    upload(&world, b" second").await;
    let kept = json!({"sha256": digest(WHOLE), "size": 12});
    assert_eq!(world.ask("POST", &path(), order()).await.expect(201), kept);
    assert_eq!(world.ask("POST", &path(), order()).await.expect(200), kept);
    let got = world.ask("GET", &format!("/api/v1/artifacts/{}", digest(WHOLE)), Value::Null).await;
    assert_eq!(got.bytes, WHOLE);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::new().await;
    let with = |field: &str, value: Value| {
        let mut order = order();
        order[field] = value;
        order
    };
    for (order, code, field) in [
        (with("size", json!(-1)), "bad_field", "size"),
        (with("size", Value::Null), "bad_field", "size"),
        (with("pieces", json!(["abc"])), "bad_field", "pieces[0]"),
        (with("pieces", json!(vec!["0".repeat(64); 5001])), "bad_field", "pieces"),
        (with("peices", json!([])), "bad_field", "peices"),
        (json!({"pieces": []}), "bad_field", "size"),
        (json!({"pieces": [], "size": 12}), "size_mismatch", "size"),
        (json!({"pieces": [], "size": 0}), "digest_mismatch", ""),
    ] {
        let refused = world.ask("POST", &path(), order.clone()).await;
        assert_eq!(refused.refused(422), (code, field), "{:.100}", order.to_string());
    }
    let refused = world.ask("POST", &path(), with("size", json!(SIZES.artifact + 1))).await;
    assert_eq!(refused.refused(413).0, "too_large");
    let refused = world.ask("POST", "/api/v1/artifacts/abc/assemble", order()).await;
    assert_eq!(refused.refused(400), ("invalid_digest", "sha256"));
}

#[tokio::test]
async fn only_who_may_publish_puts_together() {
    let world = World::new().await;
    assert_eq!(world.ask_as(None, "POST", &path(), order()).await.refused(401).0, "no_token");
    let viewer = world.token(&[Permission::UpdatesView, Permission::FleetManage]).await;
    assert_eq!(world.ask_as(Some(&viewer), "POST", &path(), order()).await.refused(403).0, "forbidden");
    let publisher = world.token(&[Permission::UpdatesPublish]).await;
    world.ask_as(Some(&publisher), "POST", &path(), order()).await.refused(409);
}
