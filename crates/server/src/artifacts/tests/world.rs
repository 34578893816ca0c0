//! A folder of artifacts, and bytes to put into it.

use std::convert::Infallible;
use std::path::PathBuf;

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::stream::{self, Stream, TryStreamExt};
use sha2::Digest;
use tempfile::TempDir;

use crate::artifacts::{ArtifactError, Artifacts, Place, Stored, Upload};

/// The files of a folder without artifacts.
pub(super) const NOTHING: [PathBuf; 0] = [];

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) artifacts: Artifacts,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
        Self { folder, artifacts }
    }

    /// Every file below the folder.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(self.folder.path()).unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    pub(super) async fn put(&self, upload: Upload, bytes: &'static [u8]) -> Result<Stored, ArtifactError> {
        self.artifacts.put(upload, pieces(bytes)).await
    }
}

/// An upload of what has to be `bytes`, in no hurry to say how long it is.
pub(super) fn upload(bytes: &[u8]) -> Upload {
    Upload { expected: Some(digest(bytes)), announced: None, limit: 1 << 40 }
}

/// Bytes as they come from a network: a few at a time.
pub(super) fn pieces(bytes: &'static [u8]) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::iter(bytes.chunks(7).map(|chunk| Ok(Bytes::from_static(chunk))))
}

/// That many megabytes of nothing, made while they are sent.
pub(super) fn megabytes(count: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let chunk = Bytes::from(vec![0; 16 * 1024]);
    stream::iter((0..count * 64).map(move |_| Ok(chunk.clone())))
}

pub(super) fn digest_of_megabytes(count: usize) -> Sha256 {
    let (mut hasher, megabyte) = (sha2::Sha256::new(), vec![0; 1 << 20]);
    (0..count).for_each(|_| hasher.update(&megabyte));
    Sha256::from_bytes(hasher.finalize().into())
}

pub(super) fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

pub(super) async fn fetch(artifacts: &Artifacts, sha256: Sha256, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = artifacts.get(sha256, range).await.unwrap();
    stream.map_ok(|bytes| bytes.to_vec()).try_concat().await.unwrap()
}
