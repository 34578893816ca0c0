//! Deployments through the API: made, shown, steered.

use serde_json::{Value, json};

use super::device_door::enrol;
use super::world::{World, release};

#[tokio::test]
async fn a_deployment_is_previewed_made_steered_and_forgotten() {
    let world = world_with_devices().await;
    let preview = world.ask("POST", "/api/v1/deployments/preview", wish()).await.expect(200);
    assert_eq!((&preview["devices"], &preview["first_wave"]), (&json!(3), &json!(1)));
    let made = world.ask("POST", "/api/v1/deployments", wish()).await.expect(201);
    assert_eq!((&made["status"], &made["total"]), (&json!("pending"), &json!(3)));
    let path = format!("/api/v1/deployments/{}", made["id"].as_str().unwrap());
    assert_eq!(world.ask("GET", &path, Value::Null).await.expect(200)["id"], made["id"]);
    let listed = world.ask("GET", "/api/v1/deployments?status=pending", Value::Null).await.expect(200);
    assert_eq!(listed["total"], 1);

    let steer = async |verb: &str| world.ask("POST", &format!("{path}/{verb}"), Value::Null).await;
    steer("resume").await.refused(409);
    assert_eq!(steer("start").await.expect(200)["status"], "in_progress");
    steer("start").await.refused(409);
    assert_eq!(steer("pause").await.expect(200)["status"], "paused");
    assert_eq!(steer("resume").await.expect(200)["status"], "in_progress");
    assert_eq!(world.ask("POST", &format!("{path}/expand"), json!({"percent": 101})).await.refused(422).1, "percent");
    assert_eq!(world.ask("POST", &format!("{path}/expand"), json!({"percent": 100})).await.expect(200)["allowed"], 3);
    world.ask("DELETE", &path, Value::Null).await.refused(409);
    assert_eq!(steer("cancel").await.expect(200)["status"], "cancelled");

    let devices = world.ask("GET", &format!("{path}/devices?status=skipped"), Value::Null).await.expect(200);
    assert_eq!(devices["total"], 3, "{devices}");
    let decisions = world.ask("GET", &format!("{path}/decisions"), Value::Null).await.expect(200);
    assert!(decisions["total"].as_u64().unwrap() >= 2, "{decisions}");
    world.ask("DELETE", &path, Value::Null).await.expect(204);
    for tail in ["", "/devices", "/decisions"] {
        world.ask("GET", &format!("{path}{tail}"), Value::Null).await.refused(404);
    }
    for verb in ["start", "pause", "resume", "cancel", "expand", "retry", "rollback"] {
        steer(verb).await.refused(404);
    }
}

#[tokio::test]
async fn a_deployment_that_makes_no_sense_is_refused_with_the_field() {
    let world = world_with_devices().await;
    for (change, field) in [
        (json!({"filter": {"device_type": "toaster"}}), "filter.device_type"),
        (json!({"filter": {"version_operator": "~"}}), "filter.version_operator"),
        (json!({"filter": {"status": "sleepy"}}), "filter.status"),
        (json!({"policy": {"windows": ["sometimes"]}}), "policy.windows"),
        (json!({"policy": {"max_failure_percent": 101}}), "policy.max_failure_percent"),
        (json!({"policy": {"retries": -1}}), "policy.retries"),
        (json!({"strategy": {"kind": "canary", "percent": 0}}), "strategy.percent"),
        (json!({"strategy": {"kind": "canary"}}), "strategy.percent"),
        (json!({"name": ""}), "name"),
    ] {
        let mut body = wish();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = world.ask("POST", "/api/v1/deployments", body).await;
        let named = answer.refused(422).1;
        // Some are named by their last part alone.
        assert!(!named.is_empty() && field.ends_with(named), "{change}: {:?}", answer.body);
    }
    let mut body = wish();
    body["release"]["version"] = json!("9.9");
    let answer = world.ask("POST", "/api/v1/deployments", body).await;
    assert!([404, 422].contains(&answer.status.as_u16()), "{answer:?}");
}

async fn world_with_devices() -> World {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        enrol(&world, name).await;
    }
    world.ask("POST", "/api/v1/releases", release("1.0")).await.expect(201);
    world
}

fn wish() -> Value {
    json!({
        "release": {"device_type": "raspberry_pi", "distribution": "alpha", "version": "1.0"},
        "strategy": {"kind": "canary", "percent": 20},
    })
}
