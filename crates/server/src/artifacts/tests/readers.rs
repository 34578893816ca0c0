//! Many who read at once, and some who do not read on.

use std::fs::File;

use futures_util::StreamExt;

use super::world::{World, digest_of_megabytes, megabytes};
use crate::artifacts::Upload;

#[tokio::test]
async fn a_thousand_who_read_one_chunk_and_no_more_hold_bounded_memory() {
    let world = World::new().await;
    let sha256 = digest_of_megabytes(1);
    let upload = Upload { expected: Some(sha256), announced: None, limit: 1 << 30 };
    world.artifacts.put(upload, megabytes(1)).await.unwrap();
    let mut readers = Vec::new();
    for _ in 0..1000 {
        let mut stream = world.artifacts.get(sha256, 0..1 << 20).await.unwrap();
        let first = stream.next().await.unwrap().unwrap();
        readers.push((stream, first));
    }
    assert_eq!(readers[0].1.len(), 256 * 1024, "the first get large chunks");
    assert_eq!(readers[999].1.len(), 16 * 1024, "the last get small ones");
    let held = world.artifacts.chunks.held();
    assert!(held <= (64 << 20) + 1000 * 16 * 1024, "{held}");
    readers.truncate(1);
    let (stream, first) = readers.pop().unwrap();
    let rest: usize = stream.map(|bytes| bytes.unwrap().len()).fold(0, async |sum, length| sum + length).await;
    assert_eq!(first.len() + rest, 1 << 20);
    drop(first);
    assert_eq!(world.artifacts.chunks.held(), 0, "what is read is given back");
}

#[tokio::test]
async fn an_artifact_that_became_shorter_is_an_error_and_never_a_shorter_artifact() {
    let world = World::new().await;
    let sha256 = digest_of_megabytes(1);
    let upload = Upload { expected: Some(sha256), announced: None, limit: 1 << 30 };
    world.artifacts.put(upload, megabytes(1)).await.unwrap();
    let mut stream = world.artifacts.get(sha256, 0..1 << 20).await.unwrap();
    let path = world.folder.path().join(&world.files()[0]);
    File::options().write(true).open(path).unwrap().set_len(1000).unwrap();
    assert!(stream.next().await.unwrap().is_err());
}
