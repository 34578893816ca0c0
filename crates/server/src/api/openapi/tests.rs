//! The document that describes the API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::references;
use crate::api::{ApiState, Sizes, openapi, routes};
use crate::artifacts::{Artifacts, Place};
use crate::clock::Clock;
use crate::service::{Options, Service};
use crate::store::Store;

#[tokio::test]
async fn the_document_lists_every_route() {
    let listed: Vec<String> = operations(&document().await)
        .iter()
        .map(|(method, path, operation)| {
            let scopes = operation["security"][0]["operator"][0].as_str().map(|scope| format!(" ({scope})"));
            format!("{method} {path}{}", scopes.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let missing: Vec<_> = references(&document).into_iter().filter(|name| !schemas.contains_key(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let document = document().await;
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}: {operation:?}");
        assert!(
            names.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{method} {path} has another's name"
        );
    }
}

#[tokio::test]
async fn every_refusal_has_the_one_shape() {
    let document = document().await;
    let parts = |name: &str| document["components"]["schemas"][name]["properties"].as_object().unwrap().clone();
    for (name, part) in parts("ApiError") {
        assert_eq!(parts("PiecesMissing")[&name], part, "{name}");
    }
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                let same = ["#/components/schemas/ApiError", "#/components/schemas/PiecesMissing"];
                assert!(same.contains(&schema.as_str().unwrap()), "{method} {path} {status}: {schema}");
            }
        }
    }
}

#[tokio::test]
async fn what_operators_send_is_closed_and_what_devices_send_is_open() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    for name in
        ["CreateRelease", "CreateDeployment", "Policy", "FilterText", "UpdateDevice", "ReleaseName", "CreateToken"]
    {
        assert_eq!(schemas[name]["additionalProperties"], json!(false), "{name}");
        assert!(schemas[name]["properties"].is_object(), "{name}");
    }
    assert_eq!(schemas["CreateRelease"]["properties"]["version"]["$ref"], "#/components/schemas/ReleaseVersion");
    for name in ["SyncRequest", "EnrolRequest", "DeploymentView", "Profile"] {
        assert!(schemas[name]["additionalProperties"].is_null(), "{name}");
    }
}

async fn document() -> Value {
    let (folder, store) = Store::temporary().await;
    let artifacts = Artifacts::open(&Place::Folder(folder.path().join("artifacts"))).await.unwrap();
    let service = Service::new(store, Clock::System, Options::default());
    let state = ApiState::new(service, artifacts, Sizes { body: 1, artifact: 1 });
    openapi::finish(routes(&state).into_openapi())
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    all.collect()
}
