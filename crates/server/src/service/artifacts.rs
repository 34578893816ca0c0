//! Artifacts as releases need them: kept while one names them, and removed when none does any more.
//!
//! An artifact that no release names stays for a day after it was last sent or named: somebody may be about to publish
//! it, here or on another server of the same database. The row of `artifacts` is locked by whoever names it and by
//! whoever removes it, so neither misses the other.

mod assemble;
mod running;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use belay_protocol::Sha256;
use futures_util::{Stream, TryStreamExt};

use super::{Kind, Service, ServiceError};
use crate::artifacts::{ArtifactError, Artifacts, Stored, Upload};
use crate::store::{StoreError, artifacts as used, releases};

pub use assemble::{Assembly, NotAssembled};
pub(super) use running::Running;

/// An artifact that arrived. One that was not here before goes again unless it is [kept](Received::keep).
#[derive(Debug)]
pub struct Received {
    stored: Stored,
    claim: Claim,
}

#[derive(Debug)]
struct Claim {
    service: Service,
    sha256: Sha256,
    used_at: i64,
    /// Whether it goes.
    goes: bool,
}

impl Received {
    /// What is kept now.
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// Keeps it.
    pub fn keep(mut self) -> Stored {
        self.claim.goes = false;
        self.stored
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.goes {
            return;
        }
        let (service, sha256, used_at) = (self.service.clone(), self.sha256, self.used_at);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = service.remove_unless_used(sha256, used_at).await {
                    tracing::warn!(%error, %sha256, "an artifact that nobody asked to keep stays for a day");
                }
            });
        }
    }
}

impl Service {
    /// The same server, which keeps its artifacts there.
    #[must_use]
    pub fn keeping(mut self, artifacts: Artifacts) -> Self {
        self.artifacts = Some(artifacts);
        self
    }

    /// Takes an artifact in: see [`Artifacts::put`].
    pub async fn take_artifact<S, E>(
        &self,
        upload: Upload,
        stream: S,
    ) -> Result<Result<Received, ArtifactError>, ServiceError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: fmt::Display,
    {
        let artifacts = self.kept_artifacts()?;
        let begun = match upload.expected {
            // Nobody removes it while it is compared with what comes.
            Some(expected) => Some(self.touch(expected).await?),
            None => None,
        };
        let stored = match artifacts.put(upload, stream).await {
            Ok(stored) => stored,
            Err(error) => return Ok(Err(error)),
        };
        let (service, artifacts) = (self.clone(), artifacts.clone());
        // Goes on where the client leaves at the last moment, so that what nobody keeps goes again.
        let claimed = tokio::spawn(async move { service.claim(&artifacts, stored, begun).await });
        match claimed.await {
            Ok(claimed) => claimed,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn claim(
        self,
        artifacts: &Artifacts,
        stored: Stored,
        begun: Option<used::Use>,
    ) -> Result<Result<Received, ArtifactError>, ServiceError> {
        let ended = self.touch(stored.sha256).await?;
        if !stored.new && artifacts.size(stored.sha256).await.is_err() {
            return Ok(Err(ArtifactError::CutOff("what was kept of it was removed meanwhile".to_owned())));
        }
        let before = begun.map_or(ended.before, |begun| begun.before);
        let alone =
            begun.is_none_or(|begun| ended.before == Some(begun.now)) && before.is_none_or(|at| at <= self.old());
        let goes = stored.new && alone;
        let claim = Claim { service: self, sha256: stored.sha256, used_at: ended.now, goes };
        Ok(Ok(Received { stored, claim }))
    }

    /// Removes every artifact that no release names and that was not used for a day; how many.
    pub async fn sweep_artifacts(&self) -> Result<u64, ServiceError> {
        let Some(artifacts) = &self.artifacts else { return Ok(0) };
        let named: BTreeSet<Sha256> =
            self.store.read(|connection| Box::pin(releases::artifacts(connection))).await?.into_iter().collect();
        let old = self.old();
        let mut list = artifacts.list();
        let mut removed = 0;
        while let Some((sha256, modified)) = list.try_next().await.map_err(failed)? {
            if modified <= old && !named.contains(&sha256) && self.remove_unless_used(sha256, old).await? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The same for one artifact, whose release was deleted. What fails is done with the others, later.
    pub(super) async fn sweep_artifact(&self, sha256: Sha256) {
        if self.artifacts.is_none() {
            return;
        }
        if let Err(error) = self.remove_unless_used(sha256, self.old()).await {
            tracing::warn!(%error, %sha256, "an artifact that no release names cannot be removed; trying again");
        }
    }

    /// How many bytes an artifact has; none where it is not kept here.
    pub(super) async fn artifact_size(&self, sha256: Sha256) -> Result<Option<u64>, ServiceError> {
        match self.kept_artifacts()?.size(sha256).await {
            Ok(size) => Ok(Some(size)),
            Err(ArtifactError::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// The digest and size of what is kept under a digest, read just now; none where nothing is.
    pub(super) async fn artifact_digest(&self, sha256: Sha256) -> Result<Option<(Sha256, u64)>, ServiceError> {
        match self.kept_artifacts()?.digest(sha256).await {
            Ok(found) => Ok(Some(found)),
            Err(ArtifactError::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes an artifact that no release names and that nobody used after `until`, in milliseconds; whether it did.
    async fn remove_unless_used(&self, sha256: Sha256, until: i64) -> Result<bool, ServiceError> {
        let artifacts = self.kept_artifacts()?;
        let removed = self.store.write(|connection| {
            let artifacts = artifacts.clone();
            Box::pin(async move {
                // Whoever names it has used it before, so what names it from now on is seen by the next statement.
                if releases::names_artifact(connection, sha256).await?
                    || !used::forget(connection, sha256, until).await?
                {
                    return Ok(Ok(false));
                }
                Ok(artifacts.remove(sha256).await.map(|()| true))
            })
        });
        let removed = removed.await?.map_err(failed)?;
        if removed {
            tracing::info!(%sha256, "an artifact that no release names was removed");
        }
        Ok(removed)
    }

    async fn touch(&self, sha256: Sha256) -> Result<used::Use, StoreError> {
        let now = self.clock.now();
        self.store.write(move |connection| Box::pin(used::touch(connection, sha256, now))).await
    }

    fn kept_artifacts(&self) -> Result<&Artifacts, ServiceError> {
        self.artifacts.as_ref().ok_or_else(|| ServiceError::new(Kind::Internal, "artifact_store", "there is none"))
    }

    /// What was not used since then may go, in milliseconds.
    fn old(&self) -> i64 {
        self.clock.now().checked_sub(GRACE).unwrap_or_default().as_millisecond()
    }
}

/// A bundle whose archive is not here.
pub(super) fn missing(sha256: Sha256) -> ServiceError {
    let message = format!("there is no artifact {sha256}; upload it first, or say at which url it lies");
    ServiceError::of_field("bundle.sha256", "no_artifact", message)
}

fn failed(error: ArtifactError) -> ServiceError {
    ServiceError::new(Kind::Internal, "artifact_store", error.to_string())
}

/// How long an artifact stays that no release names.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
