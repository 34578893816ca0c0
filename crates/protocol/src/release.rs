//! Versions of releases, and what a release pins down.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bundle::SignedManifest;
use crate::name::is_label;
use crate::{PackageId, PackageSpec};

/// A release's version: 1 to 64 of `A-Z a-z 0-9 . _ -`, not `.` or `..`.
///
/// The field writes `v2.1.0`, `Linux-6.1` and `232` alike. One leading `v` before a digit is not part of the order; what
/// then begins with a digit is ordered as Debian orders versions; everything else is only the same or another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseVersion(String);

/// A text that is no release version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no release version: 1 to 64 of A-Z a-z 0-9 . _ and -, not . or ..")]
pub struct ReleaseVersionError(String);

impl ReleaseVersion {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order of two versions: none where one of them has no order and they are not the same.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self.ordered(), other.ordered()) {
            (Some(own), Some(others)) => Some(deb_version::compare_versions(own, others)),
            (Some(_), None) | (None, Some(_)) => None,
            (None, None) => (self == other).then_some(Ordering::Equal),
        }
    }

    /// Whether both name the same version, however written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    fn ordered(&self) -> Option<&str> {
        let text = self.0.strip_prefix('v').unwrap_or(&self.0);
        text.starts_with(|first: char| first.is_ascii_digit()).then_some(text)
    }
}

impl FromStr for ReleaseVersion {
    type Err = ReleaseVersionError;

    fn from_str(text: &str) -> Result<Self, ReleaseVersionError> {
        if is_label(text, 64) { Ok(Self(text.to_owned())) } else { Err(ReleaseVersionError(text.to_owned())) }
    }
}

impl TryFrom<String> for ReleaseVersion {
    type Error = ReleaseVersionError;

    fn try_from(text: String) -> Result<Self, ReleaseVersionError> {
        text.parse()
    }
}

impl From<ReleaseVersion> for String {
    fn from(version: ReleaseVersion) -> Self {
        version.0
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the first device resolved and every later one installs exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Every package that the list needs, each with its version, by name.
    pub packages: Vec<PackageSpec>,
    /// The packages that go, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<PackageId>,
}

/// What a server's order names beside the package list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseOrder {
    /// The release that the list belongs to.
    pub version: ReleaseVersion,
    /// The versions to install and no others; resolved on this device where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<Closure>,
    /// What vouches for the list; a bundle's order has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<SignedManifest>,
}

#[cfg(test)]
mod tests;
