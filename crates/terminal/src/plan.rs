//! A plan as a diff, a line a package or path.

use belay_protocol::plan::{Action, Change, FileAction, FileChange, Plan};

use crate::quantity::{bytes, counted, duration};
use crate::{Cell, Page, Tone, plain, table};

/// How many paths are shown one by one.
const PATHS: usize = 40;

/// The plan and what it costs. What a bundle does to files may be known only once it is applied.
pub fn plan(plan: &Plan, is_bundle: bool, page: &Page) -> String {
    if plan.is_empty() && plan.files.is_empty() {
        let bundle = "no package changes; what the bundle does to files is known once it is applied";
        return if is_bundle { bundle } else { "nothing to do: the device already is as asked" }.to_owned();
    }
    let mut parts = Vec::new();
    if !plan.is_empty() {
        let rows: Vec<Vec<Cell>> = plan.changes.iter().map(row).collect();
        parts.push(page.paint.tone(Tone::Strong, &summary(plan)));
        parts.push(table(&rows, 2, page.paint));
    }
    if plan.files.is_empty() && is_bundle {
        parts.push("what the bundle does to files is known once it is applied".to_owned());
    } else if !plan.files.is_empty() {
        parts.push(page.paint.tone(Tone::Strong, &file_summary(&plan.files)));
        parts.push(files(&plan.files, page));
    }
    let undo = format!("{} of disk and about {}", bytes(plan.undo.bytes), duration(plan.undo.seconds));
    parts.push(format!("fetches {}; going back takes {undo}", bytes(plan.download_bytes)));
    parts.join("\n")
}

/// The first paths, a line each, and how many more there are.
pub fn files(files: &[FileChange], page: &Page) -> String {
    let rows: Vec<Vec<Cell>> = files.iter().take(PATHS).map(file_row).collect();
    let shown = table(&rows, 2, page.paint);
    match files.len().saturating_sub(PATHS) {
        0 => shown,
        more => format!("{shown}\n  and {more} more; --json shows all"),
    }
}

/// `3 paths change: 1 new, 2 replaced`.
fn file_summary(files: &[FileChange]) -> String {
    let number = |wanted| files.iter().filter(|file| file.action == wanted).count();
    let parts = [
        (number(FileAction::Create), "new"),
        (number(FileAction::Replace), "replaced"),
        (number(FileAction::Delete), "deleted"),
        (number(FileAction::Metadata), "with other attributes"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let verb = if files.len() == 1 { "changes" } else { "change" };
    format!("{} {verb}: {}", counted(files.len() as u64, "path"), parts.join(", "))
}

fn file_row(file: &FileChange) -> Vec<Cell> {
    let (sign, tone) = match file.action {
        FileAction::Create => ("+", Tone::Good),
        FileAction::Replace => ("~", Tone::Good),
        FileAction::Delete => ("-", Tone::Bad),
        FileAction::Metadata => ("m", Tone::Plain),
    };
    let size = match file.action {
        FileAction::Create | FileAction::Replace => bytes(file.size),
        FileAction::Delete | FileAction::Metadata => String::new(),
    };
    vec![(tone, sign.into()), plain(file.path.clone()), (Tone::Quiet, size)]
}

/// `2 packages change: 1 new, 1 removed`.
fn summary(plan: &Plan) -> String {
    let number = |wanted: &[Action]| plan.changes.iter().filter(|change| wanted.contains(&change.action)).count();
    let parts = [
        (number(&[Action::Install]), "new"),
        (number(&[Action::Upgrade]), "upgraded"),
        (number(&[Action::Downgrade]), "downgraded"),
        (number(&[Action::Reinstall, Action::Configure]), "done again"),
        (number(&[Action::Remove, Action::Purge]), "removed"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let verb = if plan.changes.len() == 1 { "changes" } else { "change" };
    format!("{} {verb}: {}", counted(plan.changes.len() as u64, "package"), parts.join(", "))
}

fn row(change: &Change) -> Vec<Cell> {
    let (sign, tone) = match change.action {
        Action::Install => ("+", Tone::Good),
        Action::Upgrade => ("↑", Tone::Good),
        Action::Downgrade => ("↓", Tone::Careful),
        Action::Reinstall | Action::Configure => ("=", Tone::Plain),
        Action::Remove | Action::Purge => ("-", Tone::Bad),
    };
    let old = change.old.as_ref().map(|old| old.version.to_string());
    let new = change.new.as_ref().map(|new| new.version.to_string());
    let versions = match (old, new) {
        (Some(old), Some(new)) if old == new => format!("{new} again"),
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (None, Some(new)) => new,
        (Some(old), None) if change.action == Action::Configure => format!("{old} configured"),
        (Some(old), None) => old,
        (None, None) => String::new(),
    };
    let mut notes = Vec::new();
    if !change.asked {
        notes.push("not named by the list");
    }
    if change.held {
        notes.push("on hold");
    }
    if change.action == Action::Purge {
        notes.push("with its configuration");
    }
    vec![(tone, sign.into()), plain(change.package.to_string()), plain(versions), (Tone::Quiet, notes.join(", "))]
}
