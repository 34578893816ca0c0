//! Artifacts that come in pieces.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiError;
use crate::Sha256;

/// `POST /api/v1/artifacts/{sha256}/assemble`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssembleArtifact {
    /// The digests of its pieces in their order, each an artifact that was uploaded; at most 5000.
    #[schema(value_type = Vec<String>)]
    pub pieces: Vec<Sha256>,
    /// How many bytes it has.
    pub size: u64,
}

/// The refusal `pieces_missing`, 409.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PiecesMissing {
    /// Like every refusal.
    #[serde(flatten)]
    pub refusal: ApiError,
    /// The digests of those that are not there, each once, in the order in which they were named.
    #[schema(value_type = Vec<String>)]
    pub missing: Vec<Sha256>,
}
