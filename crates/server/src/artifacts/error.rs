//! Why an artifact is not taken or not given.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use axum::http::StatusCode;
use belay_protocol::Sha256;

/// A refusal, or a failure of the place artifacts are kept at.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The disk is full.
    #[error("there is no room for this artifact; remove old releases or give the server a larger disk")]
    NoSpace,
    /// It is not what was announced.
    #[error("the digest of what arrived is {actual}, not {expected}; send it again, or correct the digest")]
    DigestMismatch {
        /// What it should be.
        expected: Sha256,
        /// What it is.
        actual: Sha256,
    },
    /// It has more bytes than are taken.
    #[error("an artifact may have at most {limit} bytes here; make it smaller or raise the limit")]
    TooLarge {
        /// How many are taken.
        limit: u64,
    },
    /// It ended before its end.
    #[error("the upload was cut off ({0}); send it again")]
    CutOff(String),
    /// It is not there.
    #[error("there is no artifact {0}; upload it first")]
    NotFound(Sha256),
    /// The folder does not do what it should.
    #[error("cannot {task} {path}: {source}")]
    Folder {
        /// What was tried.
        task: &'static str,
        /// With what.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The bucket does not do what it should.
    #[error("cannot use the artifact store: {0}")]
    Store(#[source] object_store::Error),
}

impl ArtifactError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSpace => "disk_full",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::TooLarge { .. } => "too_large",
            Self::CutOff(_) => "upload_cut_off",
            Self::NotFound(_) => "not_found",
            Self::Folder { .. } | Self::Store(_) => "artifact_store",
        }
    }

    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::DigestMismatch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::CutOff(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Folder { .. } | Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What an operation on a path ran into.
    pub(super) fn folder(task: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
            if full.contains(&source.kind()) { Self::NoSpace } else { Self::Folder { task, path, source } }
        }
    }

    /// What fetching an artifact ran into.
    pub(super) fn fetching(sha256: Sha256, error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) { Self::NotFound(sha256) } else { Self::Store(error) }
    }
}
