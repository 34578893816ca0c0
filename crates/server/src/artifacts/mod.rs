//! Keeps the bytes of releases, found by their digest: in a folder, or in a bucket that speaks S3.
//!
//! Nothing is ever whole in memory, nothing is readable before its digest is proven, and what was stored is never
//! changed. Who may put or fetch is the doors' business.

mod bucket;
mod draft;
mod error;
mod folder;
mod intake;
mod range;
mod reader;
mod settings;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::stream::BoxStream;
use futures_util::{Stream, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};

pub use error::ArtifactError;
pub use range::{Wanted, wanted};
pub use settings::{BucketSettings, Place};

use folder::Folder;
use intake::Intake;
use reader::Chunks;

/// The artifacts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Artifacts {
    objects: Arc<dyn ObjectStore>,
    /// Where artifacts are written, if not by way of `objects`.
    folder: Option<Folder>,
    chunks: Arc<Chunks>,
}

/// What is known of an artifact that arrives.
#[derive(Debug, Clone, Copy)]
pub struct Upload {
    /// The digest it has to have; nothing where whatever arrives is taken.
    pub expected: Option<Sha256>,
    /// How many bytes it says it has.
    pub announced: Option<u64>,
    /// How many bytes it may have.
    pub limit: u64,
}

/// An artifact that is safely kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its digest.
    pub sha256: Sha256,
    /// How many bytes it has.
    pub size: u64,
    /// Whether it was not there before.
    pub new: bool,
}

impl Artifacts {
    /// Opens the place, and removes what uploads left behind that were cut off by a crash.
    ///
    /// # Errors
    /// When the place cannot be used.
    pub async fn open(place: &Place) -> Result<Self, ArtifactError> {
        let chunks = Arc::new(Chunks::default());
        match place {
            Place::Folder(path) => {
                let (folder, objects) = Folder::open(path.clone()).await?;
                Ok(Self { objects: Arc::new(objects), folder: Some(folder), chunks })
            }
            Place::Bucket(settings) => {
                let objects = settings.connect()?;
                bucket::clear(&objects).await?;
                Ok(Self { objects, folder: None, chunks })
            }
        }
    }

    /// Takes an artifact in. It can be fetched only once all of it has come and its digest is right; otherwise nothing
    /// stays. The same one again, or twice at once, does no harm.
    ///
    /// # Errors
    /// Says what is wrong with it, or that there is no room.
    pub async fn put<S, E>(&self, upload: Upload, stream: S) -> Result<Stored, ArtifactError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: fmt::Display,
    {
        let mut intake = Intake::new(upload, stream)?;
        if let Some(expected) = upload.expected
            && self.size(expected).await.is_ok()
        {
            // It is read all the same: a wrong one must not be told that it is kept.
            return intake.check(expected).await;
        }
        match &self.folder {
            Some(folder) => folder.receive(&mut intake).await,
            None => bucket::receive(&self.objects, &mut intake).await,
        }
    }

    /// How many bytes an artifact has.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn size(&self, sha256: Sha256) -> Result<u64, ArtifactError> {
        let meta = self.objects.head(&location(sha256)).await;
        Ok(meta.map_err(|error| ArtifactError::fetching(sha256, error))?.size)
    }

    /// How many bytes can still be kept; none where nobody knows, as of a bucket.
    ///
    /// # Errors
    /// When the place does not tell.
    pub async fn room(&self) -> Result<Option<u64>, ArtifactError> {
        match &self.folder {
            Some(folder) => folder.room().await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads a part of an artifact, which has to lie within its size.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get(
        &self,
        sha256: Sha256,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, ArtifactError> {
        if range.is_empty() {
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.objects.get_opts(&location(sha256), options).await;
        let found = found.map_err(|error| ArtifactError::fetching(sha256, error))?;
        let range = found.range.clone();
        Ok(match found.payload {
            GetResultPayload::File(file, _) => Box::pin(reader::read(file, range, Arc::clone(&self.chunks))),
            GetResultPayload::Stream(stream) => Box::pin(reader::foreign(stream)),
        })
    }

    /// Reads all of an artifact: its digest as it is, whatever it should be, and how many bytes there are.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn digest(&self, sha256: Sha256) -> Result<(Sha256, u64), ArtifactError> {
        let size = self.size(sha256).await?;
        let upload = Upload { expected: None, announced: Some(size), limit: size };
        let mut intake = Intake::new(upload, self.get(sha256, 0..size).await?)?;
        intake.digest().await
    }

    /// Removes an artifact; one that is not there is no error.
    ///
    /// # Errors
    /// When it stays.
    pub async fn remove(&self, sha256: Sha256) -> Result<(), ArtifactError> {
        match self.objects.delete(&location(sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(ArtifactError::Store(error)),
        }
    }

    /// Every artifact, with when it was written, in milliseconds since 1970.
    pub fn list(&self) -> BoxStream<'static, Result<(Sha256, i64), ArtifactError>> {
        let found = self.objects.list(Some(&Path::from(KEPT)));
        let artifact = |object: object_store::ObjectMeta| {
            let sha256 = object.location.filename().and_then(|name| name.parse().ok());
            std::future::ready(Ok(sha256.map(|sha256| (sha256, object.last_modified.timestamp_millis()))))
        };
        Box::pin(found.map_err(ArtifactError::Store).try_filter_map(artifact))
    }
}

/// Where an artifact is: spread over folders, because one folder with a hundred thousand files serves nobody.
fn location(sha256: Sha256) -> Path {
    let hex = sha256.to_string();
    Path::from_iter([KEPT, &hex[..2], &hex])
}

const KEPT: &str = "sha256";

#[cfg(test)]
mod tests;
