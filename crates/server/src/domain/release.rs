//! A release: a published payload, never changed.

use belay_protocol::admin::ReleaseName;
use belay_protocol::bundle::SignedManifest;
use belay_protocol::{Distribution, PackageList, Sha256};
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
    /// What is new, for people: the one thing that may change.
    pub notes: String,
    /// The ring that it was promoted from.
    pub promoted_from: Option<Distribution>,
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
        /// What vouches for the list.
        manifest: Option<SignedManifest>,
    },
    /// A bundle.
    Bundle {
        /// The archive's digest.
        sha256: Sha256,
        /// The archive's size in bytes.
        size: u64,
        /// Where devices fetch it, where that is not this server.
        url: Option<String>,
        /// What vouches for it, or at least says what it is.
        manifest: SignedManifest,
        /// Refusals of the devices' guards that it overrides, by code.
        approve: Vec<String>,
    },
}

/// What a release asks of its devices beyond what every one must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// What is installed.
    pub kind: PayloadKind,
    /// Whether somebody signed it.
    pub signed: bool,
}

impl Demands {
    /// What a way back asks: nothing.
    pub const NONE: Self = Self { kind: PayloadKind::Packages, signed: true };
}

/// Which kind of payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// A package list.
    Packages,
    /// A bundle.
    Bundle,
}

impl PayloadKind {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Bundle => "bundle",
        }
    }

    /// The kind that this word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Packages, Self::Bundle].into_iter().find(|kind| kind.word() == word)
    }
}

impl Payload {
    /// Which kind it is.
    pub fn kind(&self) -> PayloadKind {
        match self {
            Self::Packages { .. } => PayloadKind::Packages,
            Self::Bundle { .. } => PayloadKind::Bundle,
        }
    }

    /// Its manifest, where it has one.
    pub fn manifest(&self) -> Option<&SignedManifest> {
        match self {
            Self::Packages { manifest, .. } => manifest.as_ref(),
            Self::Bundle { manifest, .. } => Some(manifest),
        }
    }

    /// Whether somebody signed it.
    pub fn is_signed(&self) -> bool {
        self.manifest().is_some_and(|manifest| manifest.signature.is_some())
    }

    /// The digest of its archive; none for a package list.
    pub fn archive(&self) -> Option<Sha256> {
        match self {
            Self::Packages { .. } => None,
            Self::Bundle { sha256, .. } => Some(*sha256),
        }
    }
}
