//! Pieces put together by the service: in a bucket, and on a disk that has room for them once and not twice.

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::stream;
use tempfile::TempDir;

use super::world::{digest, digest_of_megabytes};
use crate::artifacts::{Artifacts, Upload};
use crate::clock::Clock;
use crate::service::{Assembly, NotAssembled, Options, Service};
use crate::store::Store;

/// A service that keeps its artifacts there.
pub(super) async fn service(artifacts: &Artifacts) -> (TempDir, Service) {
    let (folder, store) = Store::temporary().await;
    (folder, Service::new(store, Clock::System, Options::default()).keeping(artifacts.clone()))
}

/// So many pieces of a megabyte each, all of them different.
pub(super) fn megabyte_pieces(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number; 1 << 20]).collect()
}

/// How they are put together.
pub(super) fn assembly(pieces: &[Vec<u8>]) -> Assembly {
    let whole = pieces.concat();
    let pieces = pieces.iter().map(|piece| digest(piece)).collect();
    Assembly { sha256: digest(&whole), size: whole.len() as u64, pieces, limit: 1 << 30 }
}

/// Takes a piece in.
pub(super) async fn send(service: &Service, piece: &[u8]) {
    let upload = Upload { expected: Some(digest(piece)), announced: Some(piece.len() as u64), limit: 1 << 30 };
    let bytes = stream::iter([Ok::<_, String>(Bytes::from(piece.to_vec()))]);
    service.take_artifact(upload, bytes).await.unwrap().unwrap().keep();
}

/// Sends pieces with one missing, then all, and waits until only what they make is left.
pub(super) async fn resume(artifacts: &Artifacts) {
    let (_folder, service) = service(artifacts).await;
    let pieces = megabyte_pieces(7);
    let assembly = assembly(&pieces);
    for piece in &pieces[1..] {
        send(&service, piece).await;
    }
    match service.assemble_artifact(assembly.clone()).await {
        Err(NotAssembled::Missing(missing)) => assert_eq!(missing, [digest_of_megabytes(1)]),
        other => panic!("{other:?}"),
    }
    send(&service, &pieces[0]).await;
    assert!(service.assemble_artifact(assembly.clone()).await.unwrap().new);
    assert_eq!(artifacts.digest(assembly.sha256).await.unwrap(), (assembly.sha256, 7 << 20));
    gone(artifacts, &assembly.pieces).await;
    assert!(!service.assemble_artifact(assembly).await.unwrap().new);
}

/// Waits until none of them is there.
pub(super) async fn gone(artifacts: &Artifacts, pieces: &[Sha256]) {
    for piece in pieces {
        while artifacts.size(*piece).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
