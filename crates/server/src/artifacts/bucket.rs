//! Artifacts in a bucket that speaks S3.
//!
//! Parts of an upload that a crash cut off are seen by nobody but stay in the bucket: a lifecycle rule of the bucket
//! (`AbortIncompleteMultipartUpload`) removes them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};

use super::error::ArtifactError;
use super::intake::{Hash, Intake, blocking};
use super::{Stored, draft, location};

/// Sends what arrives on in parts, and has them put together once all are there and the digest is right.
pub(super) async fn receive<E: fmt::Display>(
    objects: &Arc<dyn ObjectStore>,
    intake: &mut Intake<'_, E>,
) -> Result<Stored, ArtifactError> {
    let expected = intake.upload().expected;
    let place = expected.map_or_else(|| Path::from_iter([INCOMING, &draft::name()]), location);
    let upload = objects.put_multipart(&place).await.map_err(ArtifactError::Store)?;
    let mut parts = Parts(Some(WriteMultipart::new_with_chunk_size(upload, PART)));
    let mut hash = Hash::default();
    while let Some(piece) = intake.next().await? {
        let writer = parts.0.as_mut().expect("taken only at the end");
        writer.wait_for_capacity(PARTS_AT_ONCE).await.map_err(ArtifactError::Store)?;
        piece.iter().for_each(|bytes| writer.put(bytes.clone()));
        hash = blocking(move || hash.with(&piece)).await;
    }
    let (sha256, size) = hash.prove(expected)?;
    if size == 0 {
        // S3 knows no upload without parts.
        parts.give_up().await;
        objects.put(&location(sha256), Vec::new().into()).await.map_err(ArtifactError::Store)?;
        return Ok(Stored { sha256, size, new: true });
    }
    let writer = parts.0.take().expect("taken only here");
    let objects = Arc::clone(objects);
    // Goes on where the client leaves at the last moment, so that no half-moved artifact stays.
    let finish = tokio::spawn(async move {
        writer.finish().await?;
        if expected.is_none() {
            settle(&*objects, &place, &location(sha256)).await?;
        }
        Ok(())
    });
    match finish.await {
        Ok(finished) => finished.map_err(ArtifactError::Store)?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
    Ok(Stored { sha256, size, new: true })
}

/// Removes what unfinished uploads left behind; others that share the bucket may be uploading just now, so only what
/// is old goes.
pub(super) async fn clear(objects: &Arc<dyn ObjectStore>) -> Result<(), ArtifactError> {
    let found: Vec<_> = objects.list(Some(&Path::from(INCOMING))).try_collect().await.map_err(ArtifactError::Store)?;
    for object in found {
        if age(object.last_modified.timestamp()) > OLD {
            objects.delete(&object.location).await.map_err(ArtifactError::Store)?;
        }
    }
    Ok(())
}

async fn settle(objects: &dyn ObjectStore, from: &Path, to: &Path) -> object_store::Result<()> {
    let copied = objects.copy(from, to).await;
    objects.delete(from).await?;
    copied
}

fn age(modified: i64) -> Duration {
    let now = crate::clock::Clock::System.now().as_second();
    Duration::from_secs(u64::try_from(now - modified).unwrap_or(0))
}

/// Parts on their way; they are taken back unless they are put together.
struct Parts(Option<WriteMultipart>);

impl Parts {
    async fn give_up(mut self) {
        if let Some(writer) = self.0.take() {
            abort(writer).await;
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Some(writer) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(abort(writer));
        }
    }
}

async fn abort(writer: WriteMultipart) {
    if let Err(error) = writer.abort().await {
        tracing::warn!(%error, "an unfinished upload stays in the bucket");
    }
}

/// Where artifacts are sent whose digest is not known beforehand.
const INCOMING: &str = "incoming";
/// How many bytes a part has; 10,000 of them are the limit of S3.
const PART: usize = 8 * 1024 * 1024;
/// How many parts of one upload are on their way at once.
const PARTS_AT_ONCE: usize = 2;
/// When an unfinished upload counts as abandoned.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);
