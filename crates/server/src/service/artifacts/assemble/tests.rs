use futures_util::FutureExt;
use sha2::Digest;

use super::*;
use crate::artifacts::{Artifacts, Place};
use crate::clock::Clock;
use crate::service::Options;
use crate::store::Store;

#[tokio::test]
async fn an_artifact_that_is_asked_for_again_meanwhile_is_put_together_once_though_the_first_leaves() {
    let ((_database, store), folder) = (Store::temporary().await, tempfile::tempdir().unwrap());
    let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
    let clock = Clock::manual("2026-11-20T12:00:00Z".parse().unwrap());
    let service = Service::new(store, clock.clone(), Options::default()).keeping(artifacts.clone());
    let pieces = [vec![1; 1 << 20], vec![2; 1 << 20]];
    for piece in &pieces {
        let bytes = stream::iter([Ok::<_, String>(Bytes::from(piece.clone()))]);
        service.take_artifact(upload(piece), bytes).await.unwrap().unwrap().keep();
    }
    let whole = pieces.concat();
    let (sha256, size) = (digest(&whole), whole.len() as u64);
    let pieces = pieces.iter().map(|piece| digest(piece)).collect();
    let assembly = Assembly { sha256, size, pieces, limit: 1 << 30 };

    let mut first = Box::pin(service.assemble_artifact(assembly.clone()));
    assert!((&mut first).now_or_never().is_none());
    // Asked through other doors of the same server.
    let again = [service.clone(), service.clone()];
    let mut others = again.each_ref().map(|door| Box::pin(door.assemble_artifact(assembly.clone())));
    for other in &mut others {
        assert!(other.now_or_never().is_none());
    }
    drop(first);
    let [one, other] = others;
    let (one, other) = tokio::join!(one, other);
    let kept = Stored { sha256, size, new: false };
    assert_eq!((one.unwrap(), other.unwrap()), (kept, kept));
    assert_eq!(artifacts.digest(sha256).await.unwrap(), (sha256, size));
    // The clock stands still, so each use counts one up: it was begun, kept, and looked at by both others together.
    let used = service.touch(sha256).await.unwrap().before.unwrap() - clock.now().as_millisecond();
    assert_eq!(used, 2, "somebody else worked on it");
}

fn upload(piece: &[u8]) -> Upload {
    Upload { expected: Some(digest(piece)), announced: None, limit: 1 << 30 }
}

fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}
