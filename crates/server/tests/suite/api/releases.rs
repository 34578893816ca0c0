//! Releases and channels through the API.

use serde_json::{Value, json};

use super::world::{World, release};

const PATH: &str = "/api/v1/releases/raspberry_pi/alpha/1.0";

#[tokio::test]
async fn a_release_is_published_once_and_never_changed() {
    let world = World::new().await;
    let made = world.ask("POST", "/api/v1/releases", release("1.0")).await.expect(201);
    assert_eq!(made["packages"], json!(["demo-app=1.0"]));
    assert_eq!(world.ask("POST", "/api/v1/releases", release("1.0")).await.expect(200), made);
    let mut other = release("1.0");
    other["packages"] = json!(["demo-app=2.0"]);
    world.ask("POST", "/api/v1/releases", other).await.refused(409);

    assert_eq!(world.ask("GET", PATH, Value::Null).await.expect(200), made);
    let page = world.ask("GET", "/api/v1/releases?device_type=raspberry_pi&page_size=1", Value::Null).await.expect(200);
    assert_eq!((&page["total"], &page["page"], &page["page_size"]), (&json!(1), &json!(1), &json!(1)));
    let none = world.ask("GET", "/api/v1/releases?distribution=beta&page=3", Value::Null).await.expect(200);
    assert_eq!((&none["total"], &none["items"]), (&json!(0), &json!([])));

    world.ask("DELETE", PATH, Value::Null).await.expect(204);
    world.ask("GET", PATH, Value::Null).await.refused(404);
    world.ask("DELETE", PATH, Value::Null).await.refused(404);
}

#[tokio::test]
async fn a_release_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::new().await;
    for (change, field) in [
        (json!({"version": "1/2"}), "version"),
        (json!({"version": ".."}), "version"),
        (json!({"device_type": ""}), "device_type"),
        (json!({"packages": ["-o bad"]}), "packages"),
        (json!({"packages": []}), "packages"),
        (json!({"packages": vec!["x"; 5_001]}), "packages"),
        (json!({"notes": "x".repeat(64 * 1024 + 1)}), "notes"),
        (json!({"artifact": "x"}), "artifact"),
    ] {
        let mut body = release("1.0");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = world.ask("POST", "/api/v1/releases", body).await;
        assert_eq!(answer.refused(422).1, field, "{:.80}", change.to_string());
    }
}

#[tokio::test]
async fn a_channel_is_made_changed_and_deleted() {
    let world = World::new().await;
    world.ask("POST", "/api/v1/releases", release("1.0")).await.expect(201);
    world.ask("POST", "/api/v1/releases", release("2.0")).await.expect(201);
    let wish =
        json!({"device_type": "raspberry_pi", "distribution": "alpha", "target_version": "1.0", "active": false});
    let made = world.ask("POST", "/api/v1/channels", wish.clone()).await.expect(201);
    world.ask("POST", "/api/v1/channels", wish).await.refused(409);
    let path = format!("/api/v1/channels/{}", made["id"]);
    assert_eq!(world.ask("GET", &path, Value::Null).await.expect(200), made);
    let listed = world.ask("GET", "/api/v1/channels?device_type=raspberry_pi", Value::Null).await.expect(200);
    assert_eq!(listed["items"], json!([made]));

    let changed = world.ask("PATCH", &path, json!({"target_version": "2.0"})).await.expect(200);
    assert_eq!((&changed["target_version"], &changed["active"]), (&json!("2.0"), &json!(false)));
    assert_eq!(world.ask("PATCH", &path, json!({"activ": true})).await.refused(422).1, "activ");
    world.ask("DELETE", &path, Value::Null).await.expect(204);
    world.ask("GET", &path, Value::Null).await.refused(404);
    world.ask("PATCH", &path, json!({})).await.refused(404);
}
