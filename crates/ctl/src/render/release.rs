//! Releases.

use belay_protocol::admin::{ReleaseCheck, ReleaseView};

use std::path::Path;

use belay_terminal::quantity::{bytes, counted, when};
use belay_terminal::{Cell, Page, Tone, plain};

use super::table;
use crate::commands::{DryRun, Published, Standing, Verified, Written};
use crate::payload::Kind;

/// What was published.
pub(crate) fn published(published: &Published, page: &Page) -> String {
    let release = &published.release;
    let what = match &release.bundle {
        Some(bundle) => format!("{}, {}, sha256 {}", bundle.archive, bytes(bundle.size), bundle.sha256),
        None => format!("{}, sha256 {}", counted(release.packages.len() as u64, "line"), release.sha256),
    };
    let signed = if release.signed { ", signed" } else { "" };
    let how = if published.new { "is published" } else { "was there already, and nothing was changed" };
    let text = format!("{} {how}: {what}{signed}", release.name);
    match &published.check {
        Some(check) => format!("{text}\n{}", checked(check, page)),
        None => text,
    }
}

/// What was written instead.
pub(crate) fn written(written: &Written, was_to_be_signed: bool, _page: &Page) -> String {
    let files = [Some(&written.manifest), written.signature.as_ref(), written.archive.as_ref()];
    let files: Vec<String> = files.into_iter().flatten().map(|path| path.display().to_string()).collect();
    let are = if files.len() == 1 { "is" } else { "are" };
    let unsigned = if was_to_be_signed { "" } else { ", and nobody signed it" };
    format!("{} {are} written{unsigned}", files.join(" and "))
}

/// What would be published.
pub(crate) fn dry_run(dry_run: &DryRun, _page: &Page) -> String {
    let from = match dry_run.source {
        Kind::List => "a package list",
        Kind::Archive => "an archive",
        Kind::Zip => "a zip, packed anew",
        Kind::Folder => "a folder, packed",
    };
    let mut what = vec![from.to_owned()];
    let thing = if dry_run.source == Kind::List { "package" } else { "entry" };
    what.extend(dry_run.entries.map(|entries| match (entries, thing) {
        (1, _) | (_, "package") => counted(entries, thing),
        (entries, _) => format!("{entries} entries"),
    }));
    what.extend(dry_run.archive.clone());
    what.extend(dry_run.size.map(bytes));
    what.extend(dry_run.sha256.map(|digest| format!("sha256 {digest}")));
    what.push(if dry_run.signed { "signed" } else { "not signed" }.to_owned());
    let there = match dry_run.archive_is_there {
        Some(true) => "; its archive is there and need not be sent",
        Some(false) | None => "",
    };
    let because = dry_run.reason.as_deref().unwrap_or_default();
    let standing = match dry_run.standing {
        Standing::New => format!("it would be published{there}"),
        Standing::There => "it is there already; publishing it would change nothing".to_owned(),
        Standing::Refused => format!("it would be REFUSED: {because}"),
        Standing::Unknown => format!("whether the server would take it is not known: {because}"),
    };
    format!("{}: {}\n{standing}; nothing was sent", dry_run.name, what.join(", "))
}

/// One release, line by line.
pub(crate) fn one(release: &ReleaseView, page: &Page) -> String {
    let row = |name: &str, text: String| -> Vec<Cell> { vec![(Tone::Quiet, name.to_owned()), plain(text)] };
    let mut rows = vec![row("published", format!("{} by {}", when(release.created_at, page), release.created_by))];
    rows.extend(release.promoted_from.as_ref().map(|ring| row("promoted from", ring.to_string())));
    if let Some(bundle) = &release.bundle {
        rows.push(row("archive", format!("{}, {}", bundle.archive, bytes(bundle.size))));
        rows.push(row("sha256", bundle.sha256.to_string()));
        rows.extend(bundle.url.clone().map(|url| row("lies at", url)));
    }
    rows.extend(release.packages.iter().map(|package| row("package", package.clone())));
    rows.push(row("signed", if release.signed { "yes" } else { "no" }.to_owned()));
    if !release.approve.is_empty() {
        rows.push(row("overrides", release.approve.join(" ")));
    }
    rows.extend(release.notes.lines().map(|line| row("notes", line.to_owned())));
    let name = page.paint.tone(Tone::Strong, &release.name.to_string());
    format!("{name}  {}\n{}", release.kind, belay_terminal::table(&rows, 0, page.paint))
}

/// What there is of a release, and whose it is.
pub(crate) fn verified(verified: &Verified, page: &Page) -> String {
    let text = checked(&verified.check, page);
    match verified.signed_by_key {
        None => text,
        Some(true) => format!("{text}, by this key"),
        Some(false) => format!("{text}, NOT by this key: devices that pin it will refuse it"),
    }
}

/// What is there of a release.
fn checked(found: &ReleaseCheck, _page: &Page) -> String {
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

/// What was fetched.
pub(crate) fn downloaded(release: &ReleaseView, file: &Path) -> String {
    match &release.bundle {
        Some(bundle) => format!("{} is written: {} bytes", file.display(), bundle.size),
        None => format!("{} is written: {}", file.display(), counted(release.packages.len() as u64, "package")),
    }
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
