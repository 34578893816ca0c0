//! What is answered while the database is away.

use serde_json::{Value, json};

use super::device_door::enrol;
use super::world::World;

#[tokio::test]
async fn while_the_database_is_away_everybody_is_told_to_come_again_and_nothing_is_acknowledged() {
    let world = World::new().await;
    let key = enrol(&world, "a").await;
    let poll = json!({"tag": "t1", "profile": {}});
    world.ask_as(Some(&key), "POST", "/api/v1/sync", poll).await.expect(200);
    world.store.close().await;

    let idle = world.ask_as(Some(&key), "POST", "/api/v1/sync", json!({"tag": "t1"})).await.expect(200);
    assert_eq!(idle["acknowledged"], Value::Null, "from memory");
    let report = json!({"seq": 1, "at": "2026-01-01T00:00:00Z", "status": "completed"});
    let reporting = json!({"tag": "t1", "outbox": "o", "reports": [report]});
    let artifact = format!("/api/v1/artifacts/{}", "0".repeat(64));
    for (token, method, path, body) in [
        (&key, "POST", "/api/v1/sync", reporting),
        (&world.admin, "GET", "/api/v1/devices", Value::Null),
        (&world.admin, "POST", "/api/v1/enrolment-tokens", json!({"name": "n"})),
        (&world.admin, "GET", &artifact, Value::Null),
    ] {
        let answer = world.ask_as(Some(token), method, path, body).await;
        assert_eq!(answer.headers["retry-after"], "10", "{method} {path}");
        assert_eq!(answer.refused(503), ("store_unavailable", ""), "{method} {path}");
    }
    // A device that was let in is known from memory, so it may go on with what it fetches.
    assert_eq!(world.ask_as(Some(&key), "GET", &artifact, Value::Null).await.refused(404).0, "not_found");
}
