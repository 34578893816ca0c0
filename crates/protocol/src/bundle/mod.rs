//! Bundles: what their manifest says, and how one is ordered.

mod manifest;
mod order;

pub use manifest::{LONGEST_MANIFEST, Manifest, ManifestError, SignedManifest};
pub use order::{BundleOrder, BundleSource};
