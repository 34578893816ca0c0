//! The door, as a client sees it.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use belay_protocol::Sha256;
use futures_util::{StreamExt, stream};
use sha2::Digest;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use super::{download_routes, upload_routes};
use crate::artifacts::{Artifacts, Place};
use crate::clock::Clock;
use crate::serve::{Connections, Limits, run};
use crate::service::{Options, Service};
use crate::store::Store;

const BYTES: &str = "0123456789";

#[tokio::test]
async fn an_artifact_is_created_once_and_welcome_again() {
    let world = World::new().await;
    let (status, _, body) = world.send(Request::put(path()), BYTES).await;
    assert_eq!((status, body), (StatusCode::CREATED, format!(r#"{{"sha256":"{}","size":10}}"#, digest())));
    assert_eq!(world.send(Request::put(path()), BYTES).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_has_its_code_and_says_what_to_do() {
    let world = World::new().await;
    let refusals = [
        (path(), "something", 422, "digest_mismatch", "send it again, or correct the digest"),
        (path(), "more than it takes", 413, "too_large", "make it smaller or raise the limit"),
        ("/api/v1/artifacts/abc".into(), BYTES, 400, "invalid_digest", "64 hex digits"),
        ("/api/v1/artifacts/%ff%fe".into(), BYTES, 400, "invalid_digest", "64 hex digits"),
        ("/api/v1/artifacts/..%2f..%2fetc%2fpasswd".into(), BYTES, 400, "invalid_digest", "64 hex digits"),
    ];
    for (path, bytes, status, code, words) in refusals {
        let said = world.send(Request::put(&path), bytes).await;
        assert_eq!(said.0.as_u16(), status, "{path}: {}", said.2);
        assert!(
            said.2.starts_with(&format!(r#"{{"error":"{code}","message":"#)) && said.2.contains(words),
            "{}",
            said.2
        );
        assert_eq!(said.2.contains(r#""field":"sha256""#), code == "invalid_digest", "{}", said.2);
    }
    for method in ["GET", "HEAD"] {
        assert_eq!(world.send(Request::builder().method(method).uri(path()), "").await.0, StatusCode::NOT_FOUND);
        let odd = Request::builder().method(method).uri("/api/v1/artifacts/%ff");
        assert_eq!(world.send(odd, "").await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_download_says_what_it_is_and_that_it_never_changes() {
    let world = World::with_artifact().await;
    for (method, body) in [("GET", BYTES), ("HEAD", "")] {
        let (status, headers, said) = world.send(Request::builder().method(method).uri(path()), "").await;
        assert_eq!((status, said.as_str()), (StatusCode::OK, body));
        assert_eq!(headers["content-length"], "10");
        assert_eq!(headers["etag"], etag().as_str());
        assert_eq!(headers["accept-ranges"], "bytes");
        assert_eq!(headers["cache-control"], "private, max-age=31536000, immutable");
        assert_eq!(headers["content-type"], "application/octet-stream");
    }
}

#[tokio::test]
async fn a_range_is_given_and_what_lies_beyond_is_refused() {
    let world = World::with_artifact().await;
    for (range, part, of) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-", "3456789", "bytes 3-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let (status, headers, said) = world.send(Request::get(path()).header("range", range), "").await;
        assert_eq!((status, said.as_str()), (StatusCode::PARTIAL_CONTENT, part), "{range}");
        assert_eq!(headers["content-range"], of, "{range}");
        assert_eq!(headers["content-length"], part.len().to_string().as_str(), "{range}");
    }
    let (status, headers, said) = world.send(Request::get(path()).header("range", "bytes=10-"), "").await;
    assert_eq!(
        (status, &headers["content-range"]),
        (StatusCode::RANGE_NOT_SATISFIABLE, &"bytes */10".parse().unwrap())
    );
    assert!(said.contains(r#""error":"range_not_satisfiable""#), "{said}");
    let (status, headers, said) = world.send(Request::get(path()).header("range", "bytes=0-1,3-4"), "").await;
    assert_eq!((status, said.as_str(), headers.get("content-range")), (StatusCode::OK, BYTES, None));
}

#[tokio::test]
async fn conditions_are_kept() {
    let world = World::with_artifact().await;
    let (tag, other) = (etag(), format!("\"{}\"", "0".repeat(64)));
    for (name, value, expected) in [
        ("if-none-match", tag.clone(), 304),
        ("if-none-match", format!("{other}, W/{tag}"), 304),
        ("if-none-match", "*".into(), 304),
        ("if-none-match", other.clone(), 206),
        ("if-range", tag.clone(), 206),
        ("if-range", other, 200),
        ("if-range", format!("W/{tag}"), 200),
        ("if-range", "Sat, 21 Nov 2026 12:00:00 GMT".into(), 200),
    ] {
        let request = Request::get(path()).header("range", "bytes=0-0").header(name, &value);
        let (status, headers, said) = world.send(request, "").await;
        assert_eq!(status.as_u16(), expected, "{name}: {value}");
        assert_eq!(headers["etag"], etag().as_str());
        assert_eq!(said.is_empty(), expected == 304, "{name}: {value}");
    }
    let head = Request::head(path()).header("if-none-match", &tag);
    assert_eq!(world.send(head, "").await.0, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing() {
    let world = World::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(run(vec![listener], world.router.clone(), None, Limits::default(), Connections::default(), stopped));
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("PUT {} HTTP/1.1\r\nhost: belay\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n", path());
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    client.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"0123").await.unwrap();
    let drafts = || std::fs::read_dir(world.folder.path().join("incoming")).unwrap().count();
    until(|| drafts() == 1).await;
    drop(client);
    until(|| drafts() == 0).await;
    assert!(!world.folder.path().join("sha256").exists());
}

#[tokio::test]
async fn both_doors_are_documented_at_one_path() {
    let world = World::new().await;
    let (_, document) = routes(&world.service, &world.artifacts).split_for_parts();
    let item = &document.paths.paths["/api/v1/artifacts/{sha256}"];
    assert!(item.get.is_some() && item.head.is_some() && item.put.is_some());
}

struct World {
    folder: TempDir,
    artifacts: Artifacts,
    service: Service,
    router: Router,
    _database: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
        let (database, store) = Store::temporary().await;
        let service = Service::new(store, Clock::System, Options::default()).keeping(artifacts.clone());
        let router = routes(&service, &artifacts).split_for_parts().0;
        Self { folder, artifacts, service, router, _database: database }
    }

    async fn with_artifact() -> Self {
        let world = Self::new().await;
        assert_eq!(world.send(Request::put(path()), BYTES).await.0, StatusCode::CREATED);
        world
    }

    async fn send(&self, request: Builder, body: &'static str) -> (StatusCode, HeaderMap, String) {
        let bytes = stream::iter(body.as_bytes()).map(|byte| Ok::<_, String>(Bytes::from(vec![*byte])));
        let response = self.router.clone().oneshot(request.body(Body::from_stream(bytes)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 10_000).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

async fn until(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.expect("it happens soon");
}

fn routes(service: &Service, artifacts: &Artifacts) -> OpenApiRouter {
    upload_routes(service.clone(), 10).merge(download_routes(artifacts.clone()))
}

fn digest() -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(BYTES).into())
}

fn path() -> String {
    format!("/api/v1/artifacts/{}", digest())
}

fn etag() -> String {
    format!("\"{}\"", digest())
}
