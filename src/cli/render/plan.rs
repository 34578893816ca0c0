//! A plan as a diff, a line a package.

use belay_protocol::plan::{Action, Change, Plan};

use super::Page;
use super::paint::Tone;
use super::quantity::{bytes, counted, duration};
use super::table::{Cell, plain, table};

/// The plan and what it costs.
pub(super) fn plan(plan: &Plan, page: &Page) -> String {
    if plan.is_empty() {
        return "nothing to do: the device already is as asked".to_owned();
    }
    let rows: Vec<Vec<Cell>> = plan.changes.iter().map(row).collect();
    let fetched = bytes(plan.download_bytes);
    let undo = format!("{} of disk and about {}", bytes(plan.undo.bytes), duration(plan.undo.seconds));
    format!(
        "{}\n{}\nfetches {fetched}; going back takes {undo}",
        page.paint.tone(Tone::Strong, &summary(plan)),
        table(&rows, 2, page.paint)
    )
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
