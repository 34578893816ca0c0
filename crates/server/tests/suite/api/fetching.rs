//! Who may fetch artifacts, and what is said of secrets.

use belay_protocol::admin::Permission;
use serde_json::{Value, json};

use super::device_door::enrol;
use super::world::World;

#[tokio::test]
async fn devices_that_were_let_in_and_operators_who_see_releases_fetch_artifacts() {
    let world = World::new().await;
    let key = enrol(&world, "a").await;
    let path = format!("/api/v1/artifacts/{}", "0".repeat(64));
    let viewer = world.token(&[Permission::UpdatesView]).await;
    let other = world.token(&[Permission::FleetManage]).await;
    for method in ["GET", "HEAD"] {
        let asked = async |token: &str| world.ask_as(Some(token), method, &path, Value::Null).await.status.as_u16();
        assert_eq!(asked(&key).await, 404, "{method}: let in, and it is not there");
        assert_eq!(asked(&viewer).await, 404, "{method}");
        assert_eq!(asked(&other).await, 403, "{method}");
        assert_eq!(asked(&format!("{key}x")).await, 401, "{method}");
        assert_eq!(world.ask_as(None, method, &path, Value::Null).await.status.as_u16(), 401, "{method}");
    }
    let put = world.ask_as(Some(&key), "PUT", &path, Value::Null).await;
    assert_eq!(put.status.as_u16(), 401, "a device uploads nothing");

    let devices = world.ask("GET", "/api/v1/devices", Value::Null).await.expect(200);
    let id = devices["items"][0]["id"].as_str().unwrap().to_owned();
    world.ask("POST", &format!("/api/v1/devices/{id}/revoke"), Value::Null).await.expect(200);
    assert_eq!(world.ask_as(Some(&key), "GET", &path, Value::Null).await.refused(401).0, "device_revoked");
}

#[tokio::test]
async fn answers_with_a_secret_may_not_be_kept_on_the_way() {
    let world = World::new().await;
    let token = json!({"name": "n", "permissions": ["fleet:view"]});
    let enrolment = json!({"name": "n"});
    for (path, body) in [("/api/v1/tokens", token), ("/api/v1/enrolment-tokens", enrolment)] {
        let made = world.ask("POST", path, body).await;
        assert_eq!(made.headers["cache-control"], "no-store", "{path}");
        let listed = world.ask("GET", path, Value::Null).await;
        assert!(!listed.headers.contains_key("cache-control"), "{path}");
    }
}
