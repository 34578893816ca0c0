//! What stays in the folder and what does not.

use std::fs;
use std::path::PathBuf;

use axum::body::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use super::world::{NOTHING, World, digest, fetch, pieces, upload};
use crate::artifacts::{ArtifactError, Artifacts, Place, Stored, Upload};

const BYTES: &[u8] = b"what a device installs";

#[tokio::test]
async fn what_is_put_is_found_by_its_digest_whole_and_in_parts() {
    let world = World::new().await;
    let sha256 = digest(BYTES);
    let stored = world.put(upload(BYTES), BYTES).await.unwrap();
    assert_eq!(stored, Stored { sha256, size: 22, new: true });
    let hex = sha256.to_string();
    assert_eq!(world.files(), [PathBuf::from(format!("sha256/{}/{hex}", &hex[..2]))]);
    assert_eq!(world.artifacts.size(sha256).await.unwrap(), 22);
    assert_eq!(fetch(&world.artifacts, sha256, 0..22).await, BYTES);
    assert_eq!(fetch(&world.artifacts, sha256, 5..6).await, b"a");
    assert_eq!(fetch(&world.artifacts, sha256, 21..22).await, b"s");
}

#[tokio::test]
async fn an_artifact_may_be_empty_and_its_digest_need_not_be_known() {
    let world = World::new().await;
    let unknown = Upload { expected: None, announced: Some(0), limit: 0 };
    let stored = world.put(unknown, b"").await.unwrap();
    assert_eq!(stored, Stored { sha256: digest(b""), size: 0, new: true });
    assert_eq!(fetch(&world.artifacts, stored.sha256, 0..0).await, b"");
    let stored = world.put(Upload { announced: None, limit: 22, ..unknown }, BYTES).await.unwrap();
    assert_eq!(fetch(&world.artifacts, stored.sha256, 0..22).await, BYTES);
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let refused = world.put(upload(b"something else"), BYTES).await.unwrap_err();
    assert_eq!((refused.code(), refused.status().as_u16()), ("digest_mismatch", 422));
    let ArtifactError::DigestMismatch { expected, actual } = refused else { panic!("{refused}") };
    assert_eq!((expected, actual), (digest(b"something else"), digest(BYTES)));
    assert_eq!(world.files(), NOTHING);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let world = World::new().await;
    let broken = pieces(BYTES).map(Result::unwrap).map(Ok).chain(stream::iter([Err("the connection was lost")]));
    let refused = world.artifacts.put(upload(BYTES), broken).await.unwrap_err();
    assert_eq!((refused.code(), refused.status().as_u16()), ("upload_cut_off", 400));
    let early = Upload { announced: Some(23), ..upload(BYTES) };
    assert_eq!(world.put(early, BYTES).await.unwrap_err().code(), "upload_cut_off");
    assert_eq!(world.files(), NOTHING);
}

#[tokio::test]
async fn an_upload_that_nobody_waits_for_any_more_leaves_nothing() {
    let world = World::new().await;
    let endless = pieces(BYTES).chain(stream::pending());
    {
        let mut putting = std::pin::pin!(world.artifacts.put(upload(BYTES), endless));
        while world.files().is_empty() {
            assert!((&mut putting).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    while !world.files().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_artifact_of_the_limit_is_taken_and_one_byte_more_is_refused() {
    let world = World::new().await;
    for announced in [Some(22), None] {
        let over = Upload { limit: 21, announced, ..upload(BYTES) };
        let refused = world.put(over, BYTES).await.unwrap_err();
        assert_eq!((refused.code(), refused.status().as_u16()), ("too_large", 413));
        assert_eq!(world.files(), NOTHING);
    }
    for announced in [Some(22), None] {
        let world = World::new().await;
        let exact = Upload { limit: 22, announced, ..upload(BYTES) };
        assert_eq!(world.put(exact, BYTES).await.unwrap().size, 22);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_without_waiting_for_its_end() {
    let world = World::new().await;
    let announced = Upload { limit: 21, announced: Some(22), ..upload(BYTES) };
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, String>>> { panic!("nothing is read") });
    assert_eq!(world.artifacts.put(announced, unread).await.unwrap_err().code(), "too_large");
    let endless = stream::repeat_with(|| Ok::<_, String>(Bytes::from_static(BYTES)));
    let silent = Upload { limit: 1000, ..upload(BYTES) };
    assert_eq!(world.artifacts.put(silent, endless).await.unwrap_err().code(), "too_large");
    assert_eq!(world.files(), NOTHING);
}

#[tokio::test]
async fn the_same_again_is_welcome_but_what_only_says_it_is_the_same_is_not() {
    let world = World::new().await;
    assert!(world.put(upload(BYTES), BYTES).await.unwrap().new);
    assert!(!world.put(upload(BYTES), BYTES).await.unwrap().new);
    assert_eq!(world.put(upload(BYTES), b"something else").await.unwrap_err().code(), "digest_mismatch");
    let over = Upload { limit: 21, ..upload(BYTES) };
    assert_eq!(world.put(over, BYTES).await.unwrap_err().code(), "too_large");
    assert_eq!(fetch(&world.artifacts, digest(BYTES), 0..22).await, BYTES);
}

#[tokio::test]
async fn the_same_twice_at_once_is_kept_once() {
    let world = World::new().await;
    let bytes: &'static [u8] = Box::leak(vec![7; 1 << 20].into_boxed_slice());
    let puts = (0..8).map(|_| {
        let artifacts = world.artifacts.clone();
        tokio::spawn(async move { artifacts.put(upload(bytes), pieces(bytes)).await })
    });
    for put in futures_util::future::join_all(puts).await {
        assert_eq!(put.unwrap().unwrap().size, 1 << 20);
    }
    assert_eq!(world.files().len(), 1);
    assert_eq!(fetch(&world.artifacts, digest(bytes), 0..1 << 20).await, bytes);
}

#[tokio::test]
async fn a_start_removes_what_a_crash_left_but_not_what_somebody_is_writing() {
    let world = World::new().await;
    let endless = pieces(BYTES).chain(stream::pending());
    let mut putting = std::pin::pin!(world.artifacts.put(upload(BYTES), endless));
    while world.files().is_empty() {
        assert!((&mut putting).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let being_written = world.files();
    fs::copy("/etc/hostname", world.folder.path().join("incoming/left")).unwrap();
    Artifacts::open(&Place::Folder(world.folder.path().to_owned())).await.unwrap();
    assert_eq!(world.files(), being_written);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = Artifacts::open(&Place::Folder(file.path().to_owned())).await.unwrap_err();
    assert_eq!((refused.code(), refused.status().as_u16()), ("artifact_store", 500));
    assert!(refused.to_string().contains(file.path().to_str().unwrap()), "{refused}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let absent = digest(b"absent");
    assert!(matches!(world.artifacts.size(absent).await, Err(ArtifactError::NotFound(sha256)) if sha256 == absent));
    assert!(matches!(world.artifacts.get(absent, 0..1).await.map(drop), Err(ArtifactError::NotFound(_))));
}
