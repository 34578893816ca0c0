//! What the ledger knows of a bundle: which, how it is undone, and the restart that it waits for.

use belay_protocol::{ReleaseVersion, Sha256};
use serde::{Deserialize, Serialize};

/// A bundle's part in a transaction, in its restore point, and in a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePart {
    /// Its version.
    pub version: ReleaseVersion,
    /// The digest of its archive.
    pub sha256: Sha256,
    /// How it is undone.
    pub protection: Protection,
    /// Units that run something else since, and have to be restarted once it was undone.
    #[serde(default)]
    pub units: Vec<String>,
    /// Units that were stopped for it.
    #[serde(default)]
    pub stopped: Vec<String>,
    /// Whether the device had to start again for it.
    #[serde(default)]
    pub reboot: bool,
}

/// How a bundle is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protection", rename_all = "snake_case")]
pub enum Protection {
    /// Its script runs over an overlay; every path goes back to what it was.
    Captured,
    /// Its script runs on the root; the paths that it declares and `/etc` go back.
    Paths,
    /// As `Paths`, and its `rollback.sh` runs first.
    Script,
    /// As `Paths`, and the bundle that was in force before is installed again.
    Previous {
        /// Its version.
        version: ReleaseVersion,
    },
    /// Nothing but `/etc` goes back.
    Nothing,
}

/// A restart of the device that was still to come when it was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReboot {
    /// Why.
    pub why: String,
    /// The boot in which the change was made.
    pub boot: String,
    /// How often it was ordered.
    #[serde(default)]
    pub orders: u32,
}
