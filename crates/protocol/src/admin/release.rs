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

/// `POST /api/v1/releases`. Posting the same release again changes nothing; another content is refused. It has either
/// `packages` or a `bundle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateRelease {
    /// Its name.
    #[serde(flatten)]
    pub name: ReleaseName,
    /// The lines of its package list; none for a bundle.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Its bundle; none for a package list.
    #[serde(default)]
    pub bundle: Option<CreateBundle>,
    /// What vouches for it; for a bundle without one the server writes one that nobody signed.
    #[serde(default)]
    pub manifest: Option<CreateManifest>,
    /// Refusals of the devices' guards that this release overrides, by code.
    #[serde(default)]
    pub approve: Vec<String>,
    /// What is new, for people.
    #[serde(default)]
    pub notes: String,
}

impl CreateRelease {
    /// A release with nothing in it yet.
    pub fn named(name: ReleaseName) -> Self {
        Self { name, packages: Vec::new(), bundle: None, manifest: None, approve: Vec::new(), notes: String::new() }
    }
}

/// The archive of a bundle: kept by this server under its digest, or where `url` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateBundle {
    /// The archive's digest: 64 hex digits.
    #[schema(value_type = String)]
    pub sha256: Sha256,
    /// How many bytes it has. Needed where this server does not keep it and no manifest says so.
    #[serde(default)]
    pub size: Option<u64>,
    /// Where devices fetch it, where that is not this server: `https://…`, or `http://…` where they allow it.
    #[serde(default)]
    pub url: Option<String>,
}

/// A manifest, kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateManifest {
    /// Its exact text: JSON, at most 262144 bytes.
    pub text: String,
    /// The content of its `manifest.sig`, in minisign's format; none where nobody signed it.
    #[serde(default)]
    pub signature: Option<String>,
}

/// `POST /api/v1/releases/{device_type}/{distribution}/{version}/promote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromoteRelease {
    /// The ring that gets the release too.
    pub distribution: Distribution,
}

/// A release as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// Its name.
    #[serde(flatten)]
    pub name: ReleaseName,
    /// `packages` or `bundle`.
    pub kind: String,
    /// The lines of its package list; none for a bundle.
    pub packages: Vec<String>,
    /// Its bundle; none for a package list.
    #[serde(default)]
    pub bundle: Option<BundleView>,
    /// Whether its manifest is signed. This server has no keys: whether the signature is good, devices say.
    #[serde(default)]
    pub signed: bool,
    /// Refusals that it overrides.
    pub approve: Vec<String>,
    /// The digest of its content; for a bundle, not the archive's.
    #[schema(value_type = String)]
    pub sha256: Sha256,
    /// What is new.
    pub notes: String,
    /// The ring that it was promoted from.
    #[serde(default)]
    pub promoted_from: Option<Distribution>,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who published it.
    pub created_by: String,
}

/// The archive of a bundle as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleView {
    /// The archive's digest.
    #[schema(value_type = String)]
    pub sha256: Sha256,
    /// How many bytes it has.
    pub size: u64,
    /// Where devices fetch it, where that is not this server.
    pub url: Option<String>,
    /// The name of the archive's file.
    pub archive: String,
}

/// What `POST /api/v1/releases/publish` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedRelease {
    /// The release.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// Its name in one word: `device_type/distribution/version`.
    pub path: String,
    /// The path of its manifest on this server.
    pub manifest_url: String,
    /// The path of its archive on this server.
    pub archive_url: String,
    /// How many bytes its archive has.
    pub size_bytes: u64,
}

/// What `GET /api/v1/releases/{device_type}/{distribution}/{version}/verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseCheck {
    /// The release.
    #[serde(flatten)]
    pub name: ReleaseName,
    /// Whether it has a manifest.
    pub manifest_exists: bool,
    /// Whether this server keeps its archive.
    pub archive_exists: bool,
    /// The name of the archive's file; none for a package list.
    pub archive_name: Option<String>,
    /// Whether the archive's bytes, read just now, have the digest that they must have; none where this server keeps no
    /// archive of it.
    pub sha256_match: Option<bool>,
    /// How many bytes the archive should have; none for a package list.
    pub size: Option<u64>,
    /// Whether its manifest is signed.
    pub signed: bool,
    /// The manifest; none where there is none.
    #[schema(value_type = Option<Object>)]
    pub manifest: Option<serde_json::Value>,
    /// What is new.
    pub notes: String,
    /// What should be there and is not, such as `archive`.
    pub missing: Vec<String>,
}
