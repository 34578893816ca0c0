//! What whoever watches the server sees.

use serde_json::{Value, json};

use super::device_door::enrol;
use super::world::World;

#[tokio::test]
async fn health_readiness_and_the_document_are_open_to_everybody() {
    let world = World::new().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.ask_as(None, "GET", path, Value::Null).await.expect(200), json!({"status": "ok"}));
    }
    let document = world.ask_as(None, "GET", "/api/v1/openapi.json", Value::Null).await;
    assert_eq!(document.headers["content-type"], "application/json");
    assert_eq!(document.expect(200)["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_figures_tell_of_the_fleet_and_name_nobody() {
    let world = World::new().await;
    let key = enrol(&world, "secretive").await;
    world.ask_as(Some(&key), "POST", "/api/v1/sync", json!({"tag": "t"})).await.expect(200);
    world.ask("GET", "/api/v1/devices/none", Value::Null).await.refused(404);
    let answer = world.ask_as(None, "GET", "/metrics", Value::Null).await;
    assert_eq!(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = String::from_utf8(answer.bytes).unwrap();
    for line in [
        "belay_server_devices{state=\"authorized\"} 1",
        "belay_server_devices{state=\"pending\"} 0",
        "belay_server_deployments{status=\"halted\"} 0",
        "belay_server_syncs_total{outcome=\"busy\"} 0",
        "belay_server_sync_seconds_bucket{le=\"+Inf\"} 1",
        "belay_server_sync_seconds_count 1",
        "belay_server_http_requests_total{route=\"/api/v1/devices/{id}\",status=\"4xx\"} 1",
        "belay_server_sync_waiting 0",
        "belay_server_connections 0",
        "belay_server_connections_cut_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
    for name in
        ["belay_server_store_writes_total ", "belay_server_store_size_bytes ", "belay_server_build_info{version="]
    {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    assert!(!text.contains("secretive"), "{text}");
}

#[tokio::test]
async fn a_server_whose_database_is_gone_is_alive_and_not_ready() {
    let world = World::new().await;
    world.store.close().await;
    world.ask_as(None, "GET", "/healthz", Value::Null).await.expect(200);
    let answer = world.ask_as(None, "GET", "/readyz", Value::Null).await;
    assert_eq!(answer.refused(503).0, "not_ready");
    // Figures from before would look like a fleet that stands still.
    let text = String::from_utf8(world.ask_as(None, "GET", "/metrics", Value::Null).await.bytes).unwrap();
    assert!(!text.contains("belay_server_devices{"), "{text}");
    let answer = world.ask("GET", "/api/v1/fleet", Value::Null).await;
    assert_eq!(answer.headers["retry-after"], "10");
    assert_eq!(answer.refused(503), ("store_unavailable", ""));
}
