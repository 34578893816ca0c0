//! A release: a published payload, never changed.

use belay_protocol::admin::ReleaseName;
use belay_protocol::{PackageList, Sha256};
use jiff::Timestamp;

/// A published payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: ReleaseName,
    /// What is installed.
    pub payload: Payload,
    /// The digest of its content: the same name with another one is another release, and refused.
    pub sha256: Sha256,
    /// What is new, for people.
    pub notes: String,
    /// When it was published.
    pub created_at: Timestamp,
    /// Who published it.
    pub created_by: String,
}

/// What a release installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A package list.
    Packages {
        /// The list.
        packages: PackageList,
        /// Refusals of the devices' guards that it overrides, by code.
        approve: Vec<String>,
    },
}
