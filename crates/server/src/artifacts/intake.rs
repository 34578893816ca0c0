//! An artifact on its way in: counted as it comes, in pieces that are worth a write.

use std::fmt;
use std::pin::Pin;

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::{Stream, StreamExt};
use sha2::Digest;

use super::error::ArtifactError;
use super::{Stored, Upload};

/// What arrives.
pub(super) struct Intake<'a, E> {
    upload: Upload,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, E>> + Send + 'a>>,
    size: u64,
}

impl<'a, E: fmt::Display> Intake<'a, E> {
    /// Refuses at once what says that it is too large.
    pub(super) fn new(
        upload: Upload,
        stream: impl Stream<Item = Result<Bytes, E>> + Send + 'a,
    ) -> Result<Self, ArtifactError> {
        if upload.announced.is_some_and(|announced| announced > upload.limit) {
            return Err(ArtifactError::TooLarge { limit: upload.limit });
        }
        Ok(Self { upload, stream: Box::pin(stream), size: 0 })
    }

    pub(super) fn upload(&self) -> Upload {
        self.upload
    }

    /// Waits for the next piece: enough of it to be worth a write, or the rest. Nothing comes after the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Bytes>>, ArtifactError> {
        let (mut piece, mut length) = (Vec::new(), 0);
        while length < PIECE {
            let Some(bytes) = self.stream.next().await else { break };
            let bytes = bytes.map_err(|error| ArtifactError::CutOff(error.to_string()))?;
            self.size += bytes.len() as u64;
            if self.size > self.upload.limit {
                return Err(ArtifactError::TooLarge { limit: self.upload.limit });
            }
            length += bytes.len();
            piece.push(bytes);
        }
        if piece.is_empty() {
            self.complete()?;
            return Ok(None);
        }
        Ok(Some(piece))
    }

    /// Reads all of it only to see whether it is what is kept already.
    pub(super) async fn check(&mut self, expected: Sha256) -> Result<Stored, ArtifactError> {
        let (sha256, size) = self.hash().await?.prove(Some(expected))?;
        Ok(Stored { sha256, size, new: false })
    }

    /// Reads all of it only to see what it is.
    pub(super) async fn digest(&mut self) -> Result<(Sha256, u64), ArtifactError> {
        self.hash().await?.prove(None)
    }

    async fn hash(&mut self) -> Result<Hash, ArtifactError> {
        let mut hash = Hash::default();
        while let Some(piece) = self.next().await? {
            hash = blocking(move || hash.with(&piece)).await;
        }
        Ok(hash)
    }

    fn complete(&self) -> Result<(), ArtifactError> {
        match self.upload.announced {
            Some(announced) if announced != self.size => {
                Err(ArtifactError::CutOff(format!("{} of {announced} bytes arrived", self.size)))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A digest in the making.
#[derive(Default)]
pub(super) struct Hash {
    hasher: sha2::Sha256,
    size: u64,
}

impl Hash {
    pub(super) fn with(mut self, piece: &[Bytes]) -> Self {
        for bytes in piece {
            self.hasher.update(bytes);
            self.size += bytes.len() as u64;
        }
        self
    }

    /// The digest and the size, if the digest is the one that was expected.
    pub(super) fn prove(self, expected: Option<Sha256>) -> Result<(Sha256, u64), ArtifactError> {
        let actual = Sha256::from_bytes(self.hasher.finalize().into());
        match expected {
            Some(expected) if expected != actual => Err(ArtifactError::DigestMismatch { expected, actual }),
            Some(_) | None => Ok((actual, self.size)),
        }
    }
}

/// Runs what takes a disk's or a processor's time where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How many bytes are worth a write.
const PIECE: usize = 256 * 1024;
