//! How much a request may bring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::Router;
use futures_util::TryStreamExt;

use super::refusal::refusal;

/// Refuses what is longer than so many bytes with 413, before any of it is read where its length is known.
pub fn limit_body<S: Clone + Send + Sync + 'static>(router: Router<S>, limit: u64) -> Router<S> {
    router
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(move |request: Request, next: Next| limited(request, next, limit)))
}

async fn limited(request: Request, next: Next, limit: u64) -> Response {
    let size = request.body().size_hint();
    if size.lower() > limit {
        return too_large(limit);
    }
    if size.upper().is_some_and(|upper| upper <= limit) {
        return next.run(request).await;
    }
    let exceeded = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&exceeded);
    let request = request.map(|body| {
        let mut left = limit;
        Body::from_stream(body.into_data_stream().and_then(move |bytes| {
            let length = bytes.len() as u64;
            let fits = length <= left;
            left = left.saturating_sub(length);
            if !fits {
                noted.store(true, Ordering::Relaxed);
            }
            std::future::ready(if fits { Ok(bytes) } else { Err(axum::Error::new(Exceeded)) })
        }))
    });
    let response = next.run(request).await;
    if exceeded.load(Ordering::Relaxed) { too_large(limit) } else { response }
}

fn too_large(limit: u64) -> Response {
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("send at most {limit} bytes"))
}

#[derive(Debug, thiserror::Error)]
#[error("the request is too long")]
struct Exceeded;

#[cfg(test)]
mod tests;
