//! Releases: published payloads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeviceType, Distribution, ReleaseVersion, Sha256};

/// What names a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ReleaseName {
    /// The devices that it is for.
    pub device_type: DeviceType,
    /// Their ring.
    pub distribution: Distribution,
    /// Its version.
    pub version: ReleaseVersion,
}

impl std::fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}/{}/{}", self.device_type, self.distribution, self.version))
    }
}

/// `POST /api/v1/releases`. Posting the same release again changes nothing; another content is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateRelease {
    /// Its name.
    #[serde(flatten)]
    pub name: ReleaseName,
    /// The lines of its package list.
    pub packages: Vec<String>,
    /// Refusals of the devices' guards that this release overrides, by code.
    #[serde(default)]
    pub approve: Vec<String>,
    /// What is new, for people.
    #[serde(default)]
    pub notes: String,
}

/// A release as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// Its name.
    #[serde(flatten)]
    pub name: ReleaseName,
    /// `packages`.
    pub kind: String,
    /// The lines of its package list.
    pub packages: Vec<String>,
    /// Refusals that it overrides.
    pub approve: Vec<String>,
    /// The digest of its content.
    #[schema(value_type = String)]
    pub sha256: Sha256,
    /// What is new.
    pub notes: String,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who published it.
    pub created_by: String,
}
