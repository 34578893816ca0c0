//! The devices' door: enrol, sync, and how small a poll is.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn a_device_enrols_and_an_idle_poll_is_small() {
    let world = World::new().await;
    let key = enrol(&world, "a").await;
    let poll = json!({"tag": "t1"});
    let first = world.ask_as(Some(&key), "POST", "/api/v1/sync", poll).await.expect(200);
    assert_eq!(first["send_profile"], true);
    let told = json!({"tag": "t1", "profile": {"installed": {"release": "1.0"}}, "newer_field": {"a": 1}});
    world.ask_as(Some(&key), "POST", "/api/v1/sync", told).await.expect(200);

    let idle = world.ask_as(Some(&key), "POST", "/api/v1/sync", json!({"tag": "t1"})).await;
    assert_eq!(idle.status, 200);
    // What hyper adds: the status line, the date, the empty line.
    let headers: usize = idle.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let whole = "HTTP/1.1 200 OK\r\ndate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n".len() + headers + idle.bytes.len();
    assert!(whole <= 300, "an idle answer takes {whole} bytes: {:?} {:?}", idle.headers, idle.body);
    assert_eq!(idle.body.as_object().unwrap().len(), 2, "{:?}", idle.body);
}

#[tokio::test]
async fn a_poll_without_a_good_key_is_refused() {
    let world = World::new().await;
    assert_eq!(world.ask_as(None, "POST", "/api/v1/sync", json!({"tag": "t"})).await.refused(401).0, "no_token");
    world.ask_as(Some("nobody"), "POST", "/api/v1/sync", json!({"tag": "t"})).await.refused(401);
    world.ask("POST", "/api/v1/sync", json!({"tag": "t"})).await.refused(401);
}

#[tokio::test]
async fn a_stranger_is_refused_before_its_body_is_read() {
    let world = World::new().await;
    let never_ends = || Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let unknown = format!("belay_dev_d_1.{}", "A".repeat(43));
    for key in [None, Some("nobody"), Some(&*unknown)] {
        let mut request = Request::post("/api/v1/sync").header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = world.send(request.body(never_ends()).unwrap());
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
        answer.expect("it is answered while its body still comes").refused(401);
    }
}

#[tokio::test]
async fn an_enrolment_is_read_up_to_64_kb() {
    let world = World::new().await;
    for (longer, status) in [(60_000, 401), (70_000, 413)] {
        let mut body = request("a", "nonsense");
        body["ignored"] = json!("x".repeat(longer));
        let answer = world.ask_as(None, "POST", "/api/v1/enrol", body).await;
        answer.refused(status);
        assert_eq!(answer.body["message"].as_str().unwrap().contains("at most 65536 bytes"), status == 413);
    }
}

#[tokio::test]
async fn a_poll_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::new().await;
    let key = enrol(&world, "a").await;
    for (body, field) in [
        (json!({}), "tag"),
        (json!({"tag": 5}), "tag"),
        (json!({"tag": "a b"}), "tag"),
        (json!({"tag": "t", "reports": [{"seq": 1}]}), "reports[0].at"),
        (json!({"tag": "t", "reports": {}}), "reports"),
    ] {
        let answer = world.ask_as(Some(&key), "POST", "/api/v1/sync", body.clone()).await;
        assert_eq!(answer.refused(422), ("bad_field", field), "{body}");
    }
}

#[tokio::test]
async fn an_enrolment_without_the_token_that_is_asked_for_is_refused() {
    let world = World::new().await;
    let mut body = request("a", "nonsense");
    world.ask_as(None, "POST", "/api/v1/enrol", body.clone()).await.refused(401);
    body.as_object_mut().unwrap().remove("token");
    world.ask_as(None, "POST", "/api/v1/enrol", body.clone()).await.refused(401);
    body["identity"] = json!("a\u{0}");
    assert_eq!(world.ask_as(None, "POST", "/api/v1/enrol", body).await.refused(422), ("bad_field", "identity"));
}

#[tokio::test]
async fn a_device_is_shown_changed_shut_out_and_forgotten() {
    let world = World::new().await;
    let key = enrol(&world, "a").await;
    let listed = world.ask("GET", "/api/v1/devices?search=host-a&state=authorized", Value::Null).await.expect(200);
    let device = &listed["items"][0];
    let path = format!("/api/v1/devices/{}", device["id"].as_str().unwrap());
    assert_eq!(&world.ask("GET", &path, Value::Null).await.expect(200), device);
    let changed = world.ask("PATCH", &path, json!({"distribution": "beta", "tags": ["x"]})).await.expect(200);
    assert_eq!((&changed["distribution"], &changed["tags"]), (&json!("beta"), &json!(["x"])));
    assert_eq!(world.ask("PATCH", &path, json!({"tag": ["x"]})).await.refused(422).1, "tag");
    let reports = world.ask("GET", &format!("{path}/reports"), Value::Null).await.expect(200);
    assert_eq!(reports["total"], 0);
    assert_eq!(world.ask("GET", "/api/v1/fleet", Value::Null).await.expect(200)["total"], 1);

    world.ask("POST", &format!("{path}/revoke"), Value::Null).await.expect(200);
    world.ask_as(Some(&key), "POST", "/api/v1/sync", json!({"tag": "t"})).await.refused(401);
    world.ask("DELETE", &path, Value::Null).await.expect(204);
    for (method, tail, body) in [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({})),
        ("DELETE", "", Value::Null),
        ("POST", "/approve", Value::Null),
        ("POST", "/revoke", Value::Null),
        ("POST", "/rollback", Value::Null),
        ("GET", "/reports", Value::Null),
    ] {
        world.ask(method, &format!("{path}{tail}"), body).await.refused(404);
    }
}

/// Makes a device known; its key.
pub(super) async fn enrol(world: &World, name: &str) -> String {
    let token = world.ask("POST", "/api/v1/enrolment-tokens", json!({"name": name})).await.expect(201);
    let answer = world.ask_as(None, "POST", "/api/v1/enrol", request(name, token["token"].as_str().unwrap())).await;
    answer.expect(200)["key"].as_str().unwrap().to_owned()
}

fn request(name: &str, token: &str) -> Value {
    json!({
        "enrolment": format!("enrolment-of-{name}-{}", "0".repeat(32)),
        "identity": format!("identity-of-{name}"),
        "token": token,
        "device_type": "raspberry_pi",
        "distribution": "alpha",
        "profile": {"facts": {
            "hostname": format!("host-{name}"), "hardware": format!("hardware-of-{name}"),
            "capabilities": ["packages", "staged", "reports_version", "can_roll_back", "closure"],
        }},
    })
}
