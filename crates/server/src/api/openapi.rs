//! The OpenAPI document: generated from the routes, completed with what all of them share, and served.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use belay_protocol::admin::ApiError;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::ApiState;

/// Where it is served.
pub(super) const PATH: &str = "/api/v1/openapi.json";

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "belay-server",
        description = "Coordinates a fleet of devices: releases, channels, and rollouts that stop themselves. Every \
            refusal has the shape of ApiError. The scopes of an operation name the permission that an operator's token \
            needs; admin:full is always enough, and who may change something may also see it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ApiError))
)]
struct Base;

/// What the document holds before any route.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    let components = document.components.get_or_insert_default();
    let bearer = |what: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build();
        SecurityScheme::Http(scheme)
    };
    components.add_security_scheme("operator", bearer("An operator's token: belay-server token create"));
    components.add_security_scheme("device", bearer("The key that a device got when it enrolled"));
    document
}

/// Adds what every route shares, so that no route can forget it.
pub(super) fn finish(document: utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("an OpenAPI document is JSON");
    document["paths"][PATH]["get"] = own_operation();
    for_each_operation(&mut document, |operation| {
        name_by_family(operation);
        secure_artifacts(operation);
        add_common_responses(operation);
        give_refusals_their_body(operation);
    });
    constrain_names(&mut document);
    join_parts(&mut document);
    close_requests(&mut document);
    document
}

/// Serves the document.
pub(super) fn router(document: &Value) -> Router<ApiState> {
    let text = Bytes::from(document.to_string());
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], text.clone()) };
    Router::new().route(PATH, get(answer))
}

fn own_operation() -> Value {
    json!({
        "tags": ["watch"],
        "summary": "This document.",
        "operationId": "openapi",
        "responses": { "200": {
            "description": "An OpenAPI 3.1 document",
            "content": { "application/json": { "schema": { "type": "object" } } },
        } },
    })
}

fn for_each_operation(document: &mut Value, mut change: impl FnMut(&mut Map<String, Value>)) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, item) in paths {
        let operations = item.as_object_mut().into_iter().flatten();
        operations.filter_map(|(_, operation)| operation.as_object_mut()).for_each(&mut change);
    }
}

/// The handlers' names are told apart by their files, which a document does not have.
fn name_by_family(operation: &mut Map<String, Value>) {
    let family = operation["tags"][0].as_str().unwrap_or_default().replace(' ', "_");
    let name = operation["operationId"].as_str().unwrap_or_default();
    let name = format!("{family}_{name}");
    operation.insert("operationId".to_owned(), name.into());
}

/// These routes are mounted behind the question for permission, so they do not know of it.
fn secure_artifacts(operation: &mut Map<String, Value>) {
    if operation["tags"][0] == "artifacts" {
        let writes = operation.contains_key("requestBody");
        let who = if writes {
            json!([{ "operator": ["updates:publish"] }])
        } else {
            json!([{ "operator": ["updates:view"] }, { "device": [] }])
        };
        operation.insert("security".to_owned(), who);
    }
}

fn add_common_responses(operation: &mut Map<String, Value>) {
    let body = operation.get("requestBody").is_some_and(|body| body["content"].get("application/json").is_some());
    let secured = operation.get("security").and_then(Value::as_array).is_some_and(|any| !any.is_empty());
    let operator = operation.get("security").is_some_and(|any| any.to_string().contains("\"operator\""));
    let reads = body || operation.get("parameters").is_some();
    let common = [
        (reads, "400", "It cannot be read"),
        (secured, "401", "No token, or one that means nothing"),
        (operator, "403", "The token lacks the permission"),
        (body, "408", "The body did not arrive in time"),
        (body, "413", "The body is longer than is taken"),
        (body, "415", "The body is not said to be JSON"),
        (reads, "422", "It can be read and makes no sense; the field is named"),
        (reads || secured, "500", "The server failed; its log says why"),
        (reads || secured, "503", "The database does not answer; nothing was taken"),
    ];
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (_, status, description) in common.into_iter().filter(|(applies, ..)| *applies) {
        responses.entry(status).or_insert_with(|| json!({ "description": description }));
    }
}

fn give_refusals_their_body(operation: &mut Map<String, Value>) {
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        if status.starts_with(['4', '5']) {
            let schema = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/ApiError" } } });
            response.entry("content").or_insert(schema);
        }
        let header = match status.as_str() {
            "401" => "WWW-Authenticate",
            "429" | "503" => "Retry-After",
            _ => continue,
        };
        response.insert("headers".to_owned(), json!({ header: { "schema": { "type": "string" } } }));
    }
}

/// Writes down what a name may hold: the types that parse them know it, their schemas do not.
fn constrain_names(document: &mut Value) {
    for (name, pattern) in PATTERNS {
        if let Some(schema) = document["components"]["schemas"].get_mut(*name).and_then(Value::as_object_mut) {
            schema.insert("pattern".to_owned(), json!(pattern));
        }
    }
}

/// Says of what operators send that nothing else may stand in it: a misspelt field is refused.
fn close_requests(document: &mut Value) {
    let mut names = Vec::new();
    for_each_operation(document, |operation| {
        if operation.get("security").is_some_and(|any| any.to_string().contains("\"operator\"")) {
            names.extend(operation.get("requestBody").map(references).unwrap_or_default());
        }
    });
    while let Some(name) = names.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if !is_closed(schema) {
            names.extend(references(schema));
            close(schema);
        }
    }
}

fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    for kind in fields.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        close(kind);
    }
}

/// Makes one record of several that stand for one: once closed, each alone would forbid the others' fields.
fn join_parts(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    join_within(&mut document["components"]["schemas"], &schemas);
}

fn join_within(value: &mut Value, schemas: &Value) {
    if let Some(fields) = value.as_object_mut() {
        if let Some(parts) = fields.remove("allOf") {
            merge_parts(fields, &parts, schemas);
        }
        fields.values_mut().for_each(|field| join_within(field, schemas));
    }
    value.as_array_mut().into_iter().flatten().for_each(|item| join_within(item, schemas));
}

fn merge_parts(fields: &mut Map<String, Value>, parts: &Value, schemas: &Value) {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let mut left: Vec<&Value> = parts.as_array().into_iter().flatten().collect();
    while let Some(part) = left.pop() {
        let part = references_to(part).map_or(part, |name| &schemas[name]);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
        // What is joined may itself have been joined.
        left.extend(part["allOf"].as_array().into_iter().flatten());
    }
    fields.insert("type".to_owned(), json!("object"));
    fields.insert("properties".to_owned(), properties.into());
    fields.insert("required".to_owned(), required.into());
}

fn is_closed(schema: &Value) -> bool {
    let kinds = schema["oneOf"].as_array().is_some_and(|kinds| kinds.iter().any(is_closed));
    kinds || schema["additionalProperties"] == json!(false) || !schema.is_object()
}

/// The names of the schemas that a piece of the document points to.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = references_to(value).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn references_to(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

const PATTERNS: &[(&str, &str)] = &[
    ("DeviceId", "^[A-Za-z0-9_-]{1,64}$"),
    ("DeploymentId", "^[A-Za-z0-9_-]{1,64}$"),
    ("DeviceType", r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$"),
    ("Distribution", r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$"),
    ("ReleaseVersion", r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$"),
    ("Tag", "^[A-Za-z0-9._:-]{1,64}$"),
];

#[cfg(test)]
mod tests;
