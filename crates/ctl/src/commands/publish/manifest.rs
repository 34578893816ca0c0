//! The manifest of a release that is published from here, and its signature.

use std::path::Path;

use belay_protocol::PackageList;
use belay_protocol::admin::{CreateManifest, ReleaseName};
use belay_protocol::bundle::Manifest;

use crate::error::CtlError;
use crate::payload::{Content, Payload};
use crate::{clock, signing};

/// What a release is, signed where there is a key.
pub(super) fn of(
    name: &ReleaseName,
    payload: &Payload,
    notes: &str,
    key: Option<&Path>,
) -> Result<CreateManifest, CtlError> {
    let archive = payload.bundle().map(|bundle| &bundle.archive);
    let packages = match &payload.content {
        Content::Packages(lines) => Some(
            PackageList::from_lines(lines.iter().map(String::as_str))
                .map_err(|error| CtlError::Usage(error.to_string()))?,
        ),
        Content::Bundle(_) => None,
    };
    let manifest = Manifest {
        version: name.version.clone(),
        device_type: name.device_type.clone(),
        distribution: name.distribution.clone(),
        archive: archive.map(|archive| archive.name.clone()).unwrap_or_default(),
        sha256: archive.map(|archive| archive.sha256),
        size: archive.map(|archive| archive.size),
        packages,
        notes: notes.to_owned(),
        created_at: clock::now(),
    };
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest has only text keys") + "\n";
    let signature = key.map(|key| signing::sign(key, &text, "manifest.json")).transpose()?;
    Ok(CreateManifest { text, signature })
}
