//! What undo needs: restore points.

use belay_protocol::local::{Pruned, RestorePointState, RestorePointView, RestorePoints};

use belay_terminal::quantity::{bytes, counted, when};
use belay_terminal::{Cell, Page, Tone, plain, table};

/// All restore points, newest first.
pub(in crate::cli) fn restore_points(points: &RestorePoints, page: &Page) -> String {
    if points.restore_points.is_empty() {
        return "no restore points: nothing was updated yet".to_owned();
    }
    let names = ["id", "taken", "job", "state", "size", "puts back"];
    let mut rows: Vec<Vec<Cell>> = vec![names.map(|name| (Tone::Quiet, name.to_owned())).to_vec()];
    rows.extend(points.restore_points.iter().map(|point| {
        vec![
            plain(point.id.to_string()),
            plain(when(point.taken_at, page)),
            plain(point.job.to_string()),
            plain(word(point.state)),
            plain(bytes(point.bytes)),
            plain(counted(point.packages.len() as u64, "package")),
        ]
    }));
    table(&rows, 0, page.paint)
}

/// One restore point with what it puts back.
pub(in crate::cli) fn restore_point(point: &RestorePointView, page: &Page) -> String {
    let title = format!("restore point {}", point.id);
    let rows: Vec<Vec<Cell>> = point
        .packages
        .iter()
        .map(|package| {
            let version = package.version.as_ref().map_or("goes".to_owned(), ToString::to_string);
            let source = package.source.as_ref().map(|source| format!("from {source}")).unwrap_or_default();
            vec![plain(package.package.to_string()), plain(version), (Tone::Quiet, source)]
        })
        .collect();
    format!(
        "{}: taken {} by job {}, {}, {}\n{}",
        page.paint.tone(Tone::Strong, &title),
        when(point.taken_at, page),
        point.job,
        word(point.state),
        bytes(point.bytes),
        table(&rows, 2, page.paint)
    )
}

/// What pruning dropped.
pub(in crate::cli) fn pruned(pruned: &Pruned, _: &Page) -> String {
    if pruned.dropped.is_empty() {
        return "nothing to drop".to_owned();
    }
    let ids: Vec<String> = pruned.dropped.iter().map(ToString::to_string).collect();
    format!("dropped {}; {} freed", ids.join(", "), bytes(pruned.freed_bytes))
}

fn word(state: RestorePointState) -> &'static str {
    match state {
        RestorePointState::Open => "job not over",
        RestorePointState::Committed => "committed",
        RestorePointState::Undone => "gone back from",
    }
}
