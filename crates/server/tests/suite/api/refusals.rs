//! What every route has in common when it says no.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::world::{SIZES, World, release};

#[tokio::test]
async fn refusals_look_alike() {
    let world = World::new().await;
    let mut seen = Vec::new();
    for (method, path, body) in [
        ("GET", "/nowhere", Value::Null),
        ("DELETE", "/api/v1/fleet", Value::Null),
        ("GET", "/api/v1/devices/none", Value::Null),
        ("GET", "/api/v1/devices/a%2Fb", Value::Null),
        ("GET", "/api/v1/devices/%ff", Value::Null),
        ("GET", "/api/v1/channels/one", Value::Null),
        ("GET", "/api/v1/releases/a/b/1%2F2", Value::Null),
        ("GET", "/api/v1/devices?page=0", Value::Null),
        ("GET", "/api/v1/devices?page=x", Value::Null),
        ("GET", "/api/v1/devices?page_size=501", Value::Null),
        ("GET", "/api/v1/devices?distribtion=alpha", Value::Null),
        ("GET", "/api/v1/devices?search=%00", Value::Null),
        ("GET", "/api/v1/devices?state=sleepy", Value::Null),
        ("GET", "/api/v1/devices?page=1&page=2", Value::Null),
        ("POST", "/api/v1/releases", release("1/2")),
        ("POST", "/api/v1/releases", json!([])),
        ("POST", "/api/v1/releases", json!({"device_type": "a", "distribution": "b", "version": "1"})),
    ] {
        let answer = world.ask(method, path, body.clone()).await;
        let body = if body.is_null() { String::new() } else { format!(" {body}") };
        seen.push(format!("{method} {path}{body}\n  {} {}", answer.status, answer.body));
    }
    insta::assert_snapshot!(seen.join("\n"));
}

#[tokio::test]
async fn a_body_must_be_said_to_be_json_and_be_it() {
    let world = World::new().await;
    let send = async |kind: Option<&str>, body: Vec<u8>| {
        let mut request = Request::post("/api/v1/releases").header("authorization", format!("Bearer {}", world.admin));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    let good = release("1").to_string().into_bytes();
    for kind in [None, Some("text/plain"), Some("application/jsonp"), Some("multipart/form-data")] {
        assert_eq!(send(kind, good.clone()).await.refused(415).0, "not_json", "{kind:?}");
    }
    for body in [&b""[..], b"{", b"{\"version\": \"\xff\"}", b"{}{}"] {
        assert_eq!(send(Some("application/json"), body.to_vec()).await.refused(400).0, "bad_json", "{body:?}");
    }
    send(Some("Application/JSON; charset=utf-8"), good).await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_at_its_edge() {
    let world = World::new().await;
    let limit = usize::try_from(SIZES.body).unwrap();
    let mut body = release("1").to_string().into_bytes();
    body.resize(limit, b' ');
    let answer = async |body: Vec<u8>| {
        let request = Request::post("/api/v1/releases").header("authorization", format!("Bearer {}", world.admin));
        world.send(request.header("content-type", "application/json").body(Body::from(body)).unwrap()).await
    };
    answer(body.clone()).await.expect(201);
    body.push(b' ');
    assert_eq!(answer(body).await.refused(413).0, "too_large");
}

#[tokio::test]
async fn a_method_that_means_nothing_is_told_which_do() {
    let world = World::new().await;
    let answer = world.ask("PUT", "/api/v1/devices/none", Value::Null).await;
    assert_eq!(answer.refused(405).0, "no_such_method");
    let mut allowed: Vec<_> = answer.headers["allow"].to_str().unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
}

#[tokio::test]
async fn head_asks_like_get_and_has_no_body() {
    let world = World::new().await;
    let answer = world.ask("HEAD", "/api/v1/fleet", Value::Null).await;
    assert_eq!(answer.status, 200);
    assert!(answer.bytes.is_empty());
}

#[tokio::test]
async fn a_text_with_a_zero_byte_reaches_no_database() {
    let world = World::new().await;
    let zero = "a\u{0}b";
    for (path, body, field) in [
        ("/api/v1/releases", json!({"notes": zero}), "notes"),
        ("/api/v1/releases", json!({"packages": ["x", zero]}), "packages[1]"),
        ("/api/v1/deployments", json!({"name": zero}), "name"),
        ("/api/v1/deployments", json!({"filter": {"status": zero}}), "filter.status"),
        ("/api/v1/channels", json!({"channel": zero}), "channel"),
        ("/api/v1/tokens", json!({"name": zero}), "name"),
        ("/api/v1/enrolment-tokens", json!({"tags": [zero]}), "tags[0]"),
    ] {
        assert_eq!(world.ask("POST", path, body.clone()).await.refused(422), ("bad_field", field), "{body}");
    }
    for path in ["/api/v1/audit?actor=%00", "/api/v1/releases?device_type=a%1b", "/api/v1/deployments?status=%00"] {
        world.ask("GET", path, Value::Null).await.refused(422);
    }
    for path in ["/api/v1/tokens/%00", "/api/v1/devices/%00", "/api/v1/deployments/%00", "/api/v1/releases/a/b/%00"] {
        world.ask("DELETE", path, Value::Null).await.refused(422);
    }
}
