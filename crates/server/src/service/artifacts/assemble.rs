//! Artifacts that come in pieces. A piece is an artifact like any other, so what is known of an upload is nothing but
//! which pieces lie there: it survives whatever ends, and any server of the same store goes on with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::{Service, ServiceError};
use crate::artifacts::{ArtifactError, Stored, Upload};
use crate::store::StoreError;
use crate::store::artifacts as used;

/// What is to be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembly {
    /// The digest that it has to have.
    pub sha256: Sha256,
    /// How many bytes it has to have.
    pub size: u64,
    /// Its pieces, in their order. The same may stand there twice.
    pub pieces: Vec<Sha256>,
    /// How many bytes it may have.
    pub limit: u64,
}

/// Why it is not put together.
#[derive(Debug, Clone)]
pub enum NotAssembled {
    /// These pieces are not there.
    Missing(Vec<Sha256>),
    /// The artifact is not taken.
    Refused(Arc<ArtifactError>),
    /// Anything else.
    Failed(ServiceError),
}

/// Pieces that are there, with how many bytes they have.
type Sizes = BTreeMap<Sha256, u64>;

/// Pieces that are there, with when they were used last; who uses them later has another mark.
type Marks = BTreeMap<Sha256, i64>;

impl Service {
    /// Puts an artifact together from its pieces, which go once it is kept. Refused with what is missing, it keeps what
    /// is there for another day. It goes on where the client leaves, for it may take long: who asks again while it goes
    /// on waits for the same answer, and later finds it done.
    pub async fn assemble_artifact(&self, assembly: Assembly) -> Result<Stored, NotAssembled> {
        if assembly.size > assembly.limit {
            return Err(ArtifactError::TooLarge { limit: assembly.limit }.into());
        }
        let service = self.clone();
        let work = move |assembly: Arc<Assembly>| {
            let service = service.clone();
            async move { service.assemble(&assembly).await }
        };
        self.assemblies.answer(assembly, work).await
    }

    async fn assemble(&self, assembly: &Assembly) -> Result<Stored, NotAssembled> {
        if let Some(stored) = self.kept_before(assembly).await? {
            return Ok(stored);
        }
        let (sizes, marks) = self.pieces_of(assembly).await?;
        let mut done = self.put_together(assembly, &sizes, None).await?;
        if matches!(done, Err(ArtifactError::NoSpace)) {
            // There may be room for it once, and not twice: then each piece goes as soon as it was read.
            done = self.put_together(assembly, &sizes, Some(&marks)).await?;
        }
        match done {
            Ok(stored) => {
                self.let_go_in_the_background(marks);
                Ok(stored)
            }
            Err(ArtifactError::CutOff(problem)) => {
                // A piece went while it was read: somebody else was faster, or it has to come again.
                if let Some(stored) = self.kept_before(assembly).await? {
                    return Ok(stored);
                }
                self.pieces_of(assembly).await?;
                Err(ArtifactError::CutOff(problem).into())
            }
            Err(error @ ArtifactError::DigestMismatch { .. }) => {
                // Asked again with the same pieces, it would be refused for ever.
                self.let_go(&marks).await;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The artifact, where it is there; then its pieces are of no use any more.
    async fn kept_before(&self, assembly: &Assembly) -> Result<Option<Stored>, NotAssembled> {
        // Nobody removes what is used from now on.
        let Assembly { sha256, size, .. } = *assembly;
        if self.artifact_size(sha256).await?.is_none() {
            return Ok(None);
        }
        self.touch(sha256).await?;
        match self.artifact_size(sha256).await? {
            None => Ok(None),
            Some(kept) if kept != size => Err(other_size("the artifact that is kept", kept).into()),
            Some(_) => {
                let sizes = self.sizes_of(&assembly.pieces).await?;
                self.let_go_in_the_background(self.mark(sizes.keys(), sha256).await?);
                Ok(Some(Stored { sha256, size, new: false }))
            }
        }
    }

    /// The pieces, if all of them are there and as long as they have to be. Those that are there stay for another day.
    async fn pieces_of(&self, assembly: &Assembly) -> Result<(Sizes, Marks), NotAssembled> {
        let sizes = self.sizes_of(&assembly.pieces).await?;
        let marks = self.mark(sizes.keys(), assembly.sha256).await?;
        let mut named = BTreeSet::new();
        let missing: Vec<_> = (assembly.pieces.iter().copied())
            .filter(|piece| !sizes.contains_key(piece) && named.insert(*piece))
            .collect();
        let known = assembly.pieces.iter().filter_map(|piece| sizes.get(piece));
        let sum = known.fold(0_u64, |sum, size| sum.saturating_add(*size));
        if !missing.is_empty() {
            self.check_room(assembly, sum).await?;
            return Err(NotAssembled::Missing(missing));
        }
        if sum != assembly.size {
            return Err(other_size("the pieces together", sum).into());
        }
        Ok((sizes, marks))
    }

    /// Refuses what cannot fit before any more of it is sent: pieces would fill the disk and lie there for a day.
    async fn check_room(&self, assembly: &Assembly, there: u64) -> Result<(), NotAssembled> {
        let Some(room) = self.kept_artifacts()?.room().await? else { return Ok(()) };
        // Where it is put together, the piece that is read and the one before lie there twice.
        let twice = assembly.size / (assembly.pieces.len() as u64).max(1) * 2;
        let needed = assembly.size.saturating_sub(there).saturating_add(twice);
        if needed > room { Err(ArtifactError::NoSpace.into()) } else { Ok(()) }
    }

    async fn sizes_of(&self, pieces: &[Sha256]) -> Result<Sizes, ServiceError> {
        let each: BTreeSet<Sha256> = pieces.iter().copied().collect();
        let ask = async |piece| Ok::<_, ServiceError>(self.artifact_size(piece).await?.map(|size| (piece, size)));
        let found: Vec<_> = stream::iter(each).map(ask).buffer_unordered(ASKED_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Writes down that pieces are used, in the same order by everybody, so that nobody waits for each other.
    /// What is put together may be one of its own pieces, and does not go with them.
    async fn mark(&self, pieces: impl Iterator<Item = &Sha256>, whole: Sha256) -> Result<Marks, StoreError> {
        let pieces: Vec<_> = pieces.copied().filter(|piece| *piece != whole).collect();
        let (now, mut marks) = (self.clock.now(), Marks::new());
        for some in pieces.chunks(MARKED_AT_ONCE) {
            let marked = self.store.write(|connection| {
                let some = some.to_vec();
                Box::pin(async move {
                    let mut marked = Vec::with_capacity(some.len());
                    for piece in some {
                        marked.push((piece, used::touch(connection, piece, now).await?.now));
                    }
                    Ok(marked)
                })
            });
            marks.extend(marked.await?);
        }
        Ok(marks)
    }

    /// Takes the artifact in as if all of it came at once. With marks, each piece goes once it was read for the last time.
    async fn put_together(
        &self,
        assembly: &Assembly,
        sizes: &Sizes,
        frugal: Option<&Marks>,
    ) -> Result<Result<Stored, ArtifactError>, ServiceError> {
        let upload = Upload {
            expected: Some(assembly.sha256),
            // Room for all of it is taken beforehand only where the pieces stay.
            announced: frugal.is_none().then_some(assembly.size),
            limit: assembly.limit,
        };
        let bytes = self.bytes_of(&assembly.pieces, sizes, frugal);
        Ok(self.take_artifact(upload, bytes).await?.map(super::Received::keep))
    }

    fn bytes_of<'a>(
        &'a self,
        pieces: &'a [Sha256],
        sizes: &'a Sizes,
        frugal: Option<&'a Marks>,
    ) -> impl Stream<Item = Result<Bytes, String>> + Send + 'a {
        let opened = stream::iter(0..pieces.len()).then(move |at| async move {
            let read = at.checked_sub(1).map(|before| pieces[before]).filter(|read| !pieces[at..].contains(read));
            if let (Some(marks), Some(read)) = (frugal, read) {
                self.let_go(&marks.range(read..=read).map(|(piece, mark)| (*piece, *mark)).collect()).await;
            }
            let artifacts = self.kept_artifacts().map_err(|error| error.to_string())?;
            let bytes = artifacts.get(pieces[at], 0..sizes[&pieces[at]]).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(bytes.map_err(|error| error.to_string()))
        });
        opened.try_flatten()
    }

    fn let_go_in_the_background(&self, pieces: Marks) {
        let service = self.clone();
        tokio::spawn(async move { service.let_go(&pieces).await });
    }

    /// Removes pieces that nobody has used since and no release names. What stays goes with what nobody used for a day.
    async fn let_go(&self, pieces: &Marks) {
        for (piece, mark) in pieces {
            if let Err(error) = self.remove_unless_used(*piece, *mark).await {
                tracing::warn!(%error, sha256 = %piece, "a piece that is of no use any more stays for a day");
            }
        }
    }
}

fn other_size(what: &str, size: u64) -> ServiceError {
    let message = format!("{what} has {size} bytes; correct the size, or the list of pieces");
    ServiceError::of_field("size", "size_mismatch", message)
}

impl From<ArtifactError> for NotAssembled {
    fn from(error: ArtifactError) -> Self {
        Self::Refused(Arc::new(error))
    }
}

impl From<ServiceError> for NotAssembled {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for NotAssembled {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// How many pieces a store is asked for at once: one that is far away takes its time for each.
const ASKED_AT_ONCE: usize = 16;

/// How many pieces one transaction writes down.
const MARKED_AT_ONCE: usize = 100;

#[cfg(test)]
mod tests;
