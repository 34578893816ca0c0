//! The largest upload of the old door, at its very edge, in little memory.

use futures_util::{StreamExt, stream};

use super::process::{alone, run};
use super::world::{NOTHING, World, digest_of_megabytes, megabytes};
use crate::artifacts::Upload;

const MEGABYTES: usize = 100;

#[test]
fn a_hundred_megabytes_are_taken_and_given_in_little_memory_and_a_byte_more_is_refused() {
    alone("large::a_hundred_megabytes_are_taken_and_given_in_little_memory_and_a_byte_more_is_refused", || run(edge()));
}

async fn edge() {
    let world = World::new().await;
    let limit = (MEGABYTES as u64) << 20;
    let sha256 = digest_of_megabytes(MEGABYTES);
    let before = peak_kilobytes();
    let upload = Upload { expected: Some(sha256), announced: None, limit };
    let more = megabytes(MEGABYTES).chain(stream::iter([Ok(axum::body::Bytes::from_static(b"x"))]));
    assert_eq!(world.artifacts.put(upload, more).await.unwrap_err().code(), "too_large");
    assert_eq!(world.files(), NOTHING);
    assert_eq!(world.artifacts.put(upload, megabytes(MEGABYTES)).await.unwrap().size, limit);
    let mut left = limit;
    let mut stream = world.artifacts.get(sha256, 0..limit).await.unwrap();
    while let Some(bytes) = stream.next().await {
        left -= bytes.unwrap().len() as u64;
    }
    assert_eq!(left, 0);
    let grown = peak_kilobytes() - before;
    println!("200 MB in and 100 MB out: memory grew by {grown} kB");
    assert!(grown < 8 * 1024, "memory grew by {grown} kB");
}

/// The most memory that this process ever had.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
