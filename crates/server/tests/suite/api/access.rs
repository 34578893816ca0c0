//! Who may do what: tokens, permissions, the audit log.

use belay_protocol::admin::Permission;
use belay_server::service::PageOf;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn every_route_needs_a_token_unless_it_is_open() {
    let world = World::new().await;
    let mut closed = 0;
    for (method, path, scope) in world.operations() {
        let answer = world.ask_as(None, &method, &filled(&path), Value::Null).await;
        if method == "HEAD" {
            assert_eq!(answer.status, 401, "{path}");
        } else if scope.is_some() || path == "/api/v1/whoami" {
            assert_eq!(answer.refused(401).0, "no_token", "{method} {path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            let answer = world.ask_as(Some("nobody"), &method, &filled(&path), Value::Null).await;
            assert_eq!(answer.status, 401, "{method} {path}: {:?}", answer.body);
            closed += 1;
        } else {
            assert_ne!(answer.status, 403, "{method} {path}");
        }
    }
    assert!(closed > 35, "only {closed} routes are closed");
}

#[tokio::test]
async fn every_route_is_open_to_exactly_the_permissions_that_imply_its_own() {
    let world = World::new().await;
    for permission in Permission::ALL {
        let token = world.token(&[*permission]).await;
        for (method, path, scope) in world.operations() {
            let Some(scope) = scope else { continue };
            let may = match permission.word() {
                "admin:full" => true,
                "updates:publish" => ["updates:publish", "updates:view"].contains(&scope.as_str()),
                "fleet:manage" => ["fleet:manage", "fleet:view"].contains(&scope.as_str()),
                "channels:edit" => scope == "channels:edit" || (scope == "fleet:view" && path.contains("/channels")),
                word => word == scope,
            };
            // A body that is no JSON changes nothing, and shows that who may not is told so before it is read.
            let answer = world.ask_as(Some(&token), &method, &filled(&path), Value::Null).await;
            assert_eq!(answer.status != 403, may, "{permission} at {method} {path}: {:?}", answer.body);
            if !may && method != "HEAD" {
                assert_eq!(answer.refused(403), ("forbidden", ""));
                assert!(answer.body["message"].as_str().unwrap().contains(&scope), "{:?}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_revoked() {
    let world = World::new().await;
    let wish = json!({"name": "ci", "permissions": ["updates:publish"]});
    let made = world.ask("POST", "/api/v1/tokens", wish).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let own = world.ask_as(Some(&token), "GET", "/api/v1/whoami", Value::Null).await.expect(200);
    assert_eq!(own, json!({"name": "ci", "permissions": ["updates:publish"], "expires_at": null}));

    let listed = world.ask("GET", "/api/v1/tokens", Value::Null).await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&token));
    assert_eq!(listed.expect(200)["total"], 2);

    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    world.ask("DELETE", &path, Value::Null).await.expect(204);
    world.ask_as(Some(&token), "GET", "/api/v1/whoami", Value::Null).await.refused(401);
    world.ask("DELETE", "/api/v1/tokens/none", Value::Null).await.refused(404);

    let log = world.ask("GET", "/api/v1/audit?page_size=500", Value::Null).await.expect(200);
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert!(actions.len() >= 3, "{actions:?}");
    let token = world.service.tokens(PageOf { page: 1, page_size: 500 }).await.unwrap();
    let admin = token.items.iter().find(|token| token.name == "admin:full").unwrap();
    assert_eq!(log["items"][0]["actor"], format!("admin:full ({})", admin.id));
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::new().await;
    for (body, field) in [
        (json!({"permissions": ["admin:full"]}), "name"),
        (json!({"name": " ", "permissions": ["admin:full"]}), "name"),
        (json!({"name": "x".repeat(101), "permissions": ["admin:full"]}), "name"),
        (json!({"name": "a\u{0}b", "permissions": ["admin:full"]}), "name"),
        (json!({"name": "command line", "permissions": ["admin:full"]}), "name"),
        (json!({"name": "Belay-Server", "permissions": ["admin:full"]}), "name"),
        (json!({"name": "a", "permissions": []}), "permissions"),
        (json!({"name": "a", "permissions": ["root"]}), "permissions[0]"),
        (json!({"name": "a", "permissions": ["admin:full"], "expires": "2030-01-01"}), "expires"),
        (json!({"name": "a", "permissions": ["admin:full"], "expires_at": "tomorrow"}), "expires_at"),
    ] {
        assert_eq!(world.ask("POST", "/api/v1/tokens", body.clone()).await.refused(422).1, field, "{body}");
    }
}

#[tokio::test]
async fn an_enrolment_token_is_made_listed_and_revoked() {
    let world = World::new().await;
    let wish = json!({"name": "line 3", "uses": 2, "distribution": "beta", "tags": ["site:paris"]});
    let made = world.ask("POST", "/api/v1/enrolment-tokens", wish).await.expect(201);
    let listed = world.ask("GET", "/api/v1/enrolment-tokens", Value::Null).await.expect(200);
    assert_eq!(listed["items"][0]["name"], "line 3");
    assert_eq!(listed["items"][0]["uses"], 2);
    let path = format!("/api/v1/enrolment-tokens/{}", made["id"].as_str().unwrap());
    world.ask("DELETE", &path, Value::Null).await.expect(204);
    world.ask("DELETE", "/api/v1/enrolment-tokens/none", Value::Null).await.refused(404);
    let refused = world.ask("POST", "/api/v1/enrolment-tokens", json!({"name": "a", "uses": 0})).await;
    assert_eq!(refused.refused(422).1, "uses");
}

/// A path with something in place of its names.
fn filled(path: &str) -> String {
    let path =
        path.replace("{sha256}", &"0".repeat(64)).replace("/channels/{id}", "/channels/1").replace("{id}", "none");
    path.replace("{device_type}", "a").replace("{distribution}", "b").replace("{version}", "1")
}
