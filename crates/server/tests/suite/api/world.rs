//! A server of its own for one test, whose every answer is compared with its own OpenAPI document.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use belay_protocol::admin::{CreateToken, Permission};
use belay_server::api::{ApiState, Sizes, router};
use belay_server::artifacts::{Artifacts, Place};
use belay_server::clock::Clock;
use belay_server::service::{Actor, Options, Service};
use belay_server::store::Store;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::Digest;
use tempfile::TempDir;
use tower::ServiceExt;

/// A server, and a token that may do everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) store: Store,
    pub(crate) admin: String,
    router: Router,
    document: Value,
    folder: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
    /// `Null` where it is no JSON.
    pub(crate) body: Value,
}

impl World {
    /// A server on an empty folder.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("", folder.path()).await.unwrap();
        let service = Service::new(store.clone(), Clock::System, Options::default());
        let artifacts = Artifacts::open(&Place::Folder(folder.path().join("artifacts"))).await.unwrap();
        let router = router(ApiState::new(service.clone(), artifacts, SIZES));
        let mut world = Self { service, store, admin: String::new(), router, document: json!({"paths": {}}), folder };
        world.document = world.ask_as(None, "GET", "/api/v1/openapi.json", Value::Null).await.expect(200);
        world.admin = world.token(&[Permission::AdminFull]).await;
        world
    }

    /// Every file of an artifact, whole or not.
    pub(crate) fn artifacts(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("artifacts")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let list = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut found };
                list.push(entry.path());
            }
        }
        found
    }

    /// A token that may do this.
    pub(crate) async fn token(&self, permissions: &[Permission]) -> String {
        let name = permissions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let token = CreateToken { name, permissions: permissions.to_vec(), expires_at: None };
        self.service.create_token(&Actor("tests".to_owned()), token).await.unwrap().token
    }

    /// Asks as an operator who may do everything.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as(Some(&self.admin), method, path, body).await
    }

    /// Asks with this token; `Null` sends no body.
    pub(crate) async fn ask_as(&self, token: Option<&str>, method: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let answer = Answer { status: parts.status, headers: parts.headers, bytes, body };
        self.is_documented(&method, &path, &answer);
        answer
    }

    /// Everything that the document lists: method, path, the permission that is needed.
    pub(crate) fn operations(&self) -> Vec<(String, String, Option<String>)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let all = paths.flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| {
                let scope = operation["security"][0]["operator"][0].as_str().map(str::to_owned);
                (method.to_uppercase(), path.clone(), scope)
            })
        });
        all.collect()
    }

    fn is_documented(&self, method: &str, path: &str, answer: &Answer) {
        let paths = self.document["paths"].as_object().unwrap();
        // What stands in the document as it is goes before what a pattern matches.
        let exact = paths.get(path);
        let matching = exact.or_else(|| paths.iter().find(|(template, _)| fits(template, path)).map(|(_, item)| item));
        let Some(operation) = matching.and_then(|item| item.get(method)) else { return };
        let status = answer.status.as_u16().to_string();
        let response = &operation["responses"][&status];
        assert!(response.is_object(), "{method} {path} answers {status}, which is not documented: {:?}", answer.body);
        // An answer to HEAD has no body to look at.
        if method != "head" && status.starts_with(['4', '5']) {
            answer.is_refusal();
        }
        for (name, _) in response["headers"].as_object().into_iter().flatten() {
            assert!(answer.headers.contains_key(name.as_str()), "{method} {path} {status} lacks {name}");
        }
        if response["content"].is_null() {
            assert!(answer.bytes.is_empty(), "{method} {path} {status} has a body: {:?}", answer.body);
        }
    }
}

impl Answer {
    /// Its body where it went well.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:?}", String::from_utf8_lossy(&self.bytes));
        self.body
    }

    /// The code of a refusal, and the field.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> (&str, &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", String::from_utf8_lossy(&self.bytes));
        self.is_refusal();
        (self.body["error"].as_str().unwrap(), self.body["field"].as_str().unwrap_or_default())
    }

    #[track_caller]
    fn is_refusal(&self) {
        assert_eq!(self.headers["content-type"], "application/json");
        let mut fields: Vec<&str> = self.body.as_object().unwrap().keys().map(String::as_str).collect();
        if self.body["error"] == "pieces_missing" {
            fields.retain(|field| *field != "missing");
        }
        assert!(fields == ["error", "message"] || fields == ["error", "field", "message"], "{:?}", self.body);
        assert!(self.body["message"].as_str().unwrap().len() > 5, "{:?}", self.body);
    }
}

/// How much a request may bring.
pub(crate) const SIZES: Sizes = Sizes { body: 1024 * 1024, artifact: 1024 };

/// The body of a release with one package.
pub(crate) fn release(version: &str) -> Value {
    json!({"device_type": "raspberry_pi", "distribution": "alpha", "version": version, "packages": ["demo-app=1.0"]})
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    belay_protocol::Sha256::from_bytes(sha2::Sha256::digest(bytes).into()).to_string()
}

/// The manifest of a bundle: for the version 1.0.
pub(crate) fn manifest(bytes: &[u8]) -> Value {
    json!({"version": "1.0", "device_type": "raspberry_pi", "distribution": "alpha", "archive": "update.tar.gz",
        "sha256": format!("sha256:{}", digest(bytes)), "size": bytes.len(), "notes": "",
        "created_at": "2026-01-02T03:04:05Z", "more": {"a": [1]}})
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(part, own)| part.starts_with('{') || part == own)
}
