//! Releases.

use belay_protocol::admin::{ReleaseCheck, ReleaseView};

use belay_terminal::quantity::{bytes, counted, when};
use belay_terminal::{Page, plain};

use super::table;

/// What was published.
pub(crate) fn published(release: &ReleaseView, _page: &Page) -> String {
    let what = match &release.bundle {
        Some(bundle) => format!("{}, {}, sha256 {}", bundle.archive, bytes(bundle.size), bundle.sha256),
        None => format!("{}, sha256 {}", counted(release.packages.len() as u64, "line"), release.sha256),
    };
    let signed = if release.signed { ", signed" } else { "" };
    format!("{} is published: {what}{signed}", release.name)
}

/// What is there of a release.
pub(crate) fn checked(found: &ReleaseCheck, _page: &Page) -> String {
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
pub(crate) fn list(releases: &[ReleaseView], page: &Page) -> String {
    if releases.is_empty() {
        return "nothing is published; `belayctl release publish` does it".to_owned();
    }
    let rows = releases.iter().map(|release| {
        vec![
            plain(release.name.to_string()),
            plain(release.kind.clone()),
            plain(when(release.created_at, page)),
            plain(release.created_by.clone()),
            plain(release.notes.lines().next().unwrap_or_default()),
        ]
    });
    table(&["release", "kind", "published", "by", "notes"], rows, page)
}
