//! Releases.

use belay_protocol::admin::{ReleaseCheck, ReleaseView};

use super::{count, table};

/// What was published.
pub(crate) fn published(release: &ReleaseView) -> String {
    let what = match &release.bundle {
        Some(bundle) => format!("{}, {} bytes, sha256 {}", bundle.archive, bundle.size, bundle.sha256),
        None => format!("{}, sha256 {}", count(release.packages.len() as u64, "line"), release.sha256),
    };
    let signed = if release.signed { ", signed" } else { "" };
    format!("{} is published: {what}{signed}", release.name)
}

/// What is there of a release.
pub(crate) fn checked(found: &ReleaseCheck) -> String {
    let archive = match (&found.archive_name, found.sha256_match) {
        (None, _) => "a package list, without an archive".to_owned(),
        (Some(name), Some(true)) => format!("{name} is there and has its digest"),
        (Some(name), Some(false)) => format!("{name} is DAMAGED: it does not have its digest; publish another version"),
        (Some(name), None) if found.missing.is_empty() => format!("{name} lies elsewhere"),
        (Some(name), None) => format!("{name} is MISSING: upload it again"),
    };
    let manifest = match (found.manifest_exists, found.signed) {
        (false, _) => "no manifest",
        (true, false) => "its manifest is not signed",
        (true, true) => "its manifest is signed",
    };
    format!("{}: {archive}; {manifest}", found.name)
}

/// A table of releases.
pub(crate) fn list(releases: &[ReleaseView]) -> String {
    if releases.is_empty() {
        return "nothing is published; `belayctl release publish` does it".to_owned();
    }
    let rows = releases.iter().map(|release| {
        [
            release.name.to_string(),
            release.kind.clone(),
            format!("{:.0}", release.created_at),
            release.created_by.clone(),
            release.notes.lines().next().unwrap_or_default().to_owned(),
        ]
    });
    table(&["RELEASE", "KIND", "PUBLISHED", "BY", "NOTES"], rows)
}
