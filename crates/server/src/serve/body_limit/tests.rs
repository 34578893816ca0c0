//! Bodies at their very limit.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use futures_util::stream;
use tower::ServiceExt;

use super::limit_body;

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_refused() {
    for known in [true, false] {
        assert_eq!(send(10, known).await, (StatusCode::OK, "10".to_owned()), "length known: {known}");
        let (status, body) = send(11, known).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "length known: {known}");
        assert_eq!(body, r#"{"error":"too_large","message":"send at most 10 bytes"}"#);
    }
}

#[tokio::test]
async fn a_limit_above_the_frameworks_own_is_kept() {
    let router = limit_body(router(), 3_000_000);
    let request = Request::post("/").body(Body::from(vec![0; 3_000_000])).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::OK);
}

async fn send(length: usize, known: bool) -> (StatusCode, String) {
    let bytes = stream::iter((0..length).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))));
    let body = if known { Body::from(vec![b'x'; length]) } else { Body::from_stream(bytes) };
    let response = limit_body(router(), 10).oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn router() -> Router {
    Router::new().route("/", post(async |body: Bytes| body.len().to_string()))
}
