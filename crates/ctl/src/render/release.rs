//! Releases.

use belay_protocol::admin::ReleaseView;

use super::{count, table};

/// What was published.
pub(crate) fn published(release: &ReleaseView) -> String {
    let packages = count(release.packages.len() as u64, "line");
    format!("{} is published: {packages}, sha256 {}", release.name, release.sha256)
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
