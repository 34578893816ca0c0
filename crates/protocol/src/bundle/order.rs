//! An order to install a bundle: which archive, from where, and what vouches for it.

use serde::{Deserialize, Serialize};

use super::SignedManifest;
use crate::{ReleaseVersion, Sha256};

/// Which bundle to install. Without a manifest the order itself says what the archive must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleOrder {
    /// Where its archive comes from.
    pub source: BundleSource,
    /// The archive's digest.
    pub sha256: Sha256,
    /// The archive's size in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its version, where whoever orders it says so; it must then be the one of the manifest and of `belay.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ReleaseVersion>,
    /// The manifest that vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<SignedManifest>,
}

/// Where a bundle's archive comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum BundleSource {
    /// The server that the device belongs to, by digest, with the device's key.
    Server,
    /// Anybody, such as a CDN; never shown the device's key.
    Url {
        /// `https://…`, or `http://` where the settings name the host.
        url: String,
    },
    /// It was uploaded to the device's own door before.
    Upload,
    /// The device kept it when it was installed before. Going back to it: it may be older than what is installed.
    Kept,
}
