//! The manifest of a release: what is signed, and what a device holds an archive to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DeviceType, Distribution, PackageList, ReleaseVersion, Sha256};

/// The longest manifest, in bytes.
pub const LONGEST_MANIFEST: usize = 256 * 1024;

/// What a release is. Fields that this program does not know are ignored; the signature covers the text, not this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its version.
    pub version: ReleaseVersion,
    /// The devices that it is for.
    pub device_type: DeviceType,
    /// The ring that it was first published for; a promoted release keeps it.
    pub distribution: Distribution,
    /// The archive's file name; empty for a package list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub archive: String,
    /// The archive's digest; none for a package list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The archive's size in bytes; none for a package list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The packages of a package list; none for a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackageList>,
    /// What is new, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A manifest as it was published, with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
pub struct SignedManifest {
    /// The manifest's exact text.
    pub text: String,
    /// The content of its `manifest.sig`, in minisign's format; none for one that nobody signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// What is wrong with a text that should be a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than any manifest.
    #[error("the manifest has {0} bytes; it may have at most {LONGEST_MANIFEST}")]
    TooLong(usize),
    /// It is no JSON, or a field is missing or wrong.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    /// It names both payloads, or neither.
    #[error("the manifest must name an archive with sha256 and size, or packages, and not both")]
    Payload,
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > LONGEST_MANIFEST {
            return Err(ManifestError::TooLong(text.len()));
        }
        let read: Self =
            serde_json::from_slice(text.as_bytes()).map_err(|error| ManifestError::Unreadable(error.to_string()))?;
        let archive = !read.archive.is_empty() && read.sha256.is_some() && read.size.is_some();
        let nothing = read.archive.is_empty() && read.sha256.is_none() && read.size.is_none();
        match (archive, nothing, read.packages.is_some()) {
            (true, _, false) | (_, true, true) => Ok(read),
            _ => Err(ManifestError::Payload),
        }
    }
}

#[cfg(test)]
mod tests;
