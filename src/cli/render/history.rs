//! The device's generations and its last jobs.

use belay_protocol::local::{GenerationView, History};

use belay_terminal::job::row_of;
use belay_terminal::quantity::when;
use belay_terminal::{Cell, Page, Tone, header, plain, table};

/// The device's generations, the one in force marked, and its last jobs.
pub(in crate::cli) fn history(history: &History, page: &Page) -> String {
    let mut rows = vec![header(&["", "generation", "since", "job", "changes"])];
    rows.extend(history.generations.iter().flat_map(|generation| rows_of(generation, page)));
    let mut text = table(&rows, 0, page.paint);
    if !history.jobs.is_empty() {
        let mut rows = vec![header(&["job", "when", "asked for", "end"])];
        rows.extend(history.jobs.iter().map(|job| row_of(job, page)));
        text = format!("{text}\n\n{}", table(&rows, 0, page.paint));
    }
    text
}

fn rows_of(generation: &GenerationView, page: &Page) -> Vec<Vec<Cell>> {
    let (mark, tone) = match (generation.current, generation.reachable) {
        (true, _) => ("▶", Tone::Good),
        (false, true) => ("", Tone::Plain),
        (false, false) => ("", Tone::Quiet),
    };
    let since = generation.committed_at.map_or("before the first update".to_owned(), |at| when(at, page));
    let job = generation.job.map(|job| job.to_string()).unwrap_or_default();
    let release = generation.release.iter().map(|release| format!("release {release}"));
    let mut changes = release.chain(generation.changes.iter().cloned());
    let first = changes.next().unwrap_or_default();
    let mut rows = vec![vec![
        (tone, mark.to_owned()),
        (tone, generation.generation.to_string()),
        (tone, since),
        (tone, job),
        (tone, first),
    ]];
    let further = |change: String| vec![plain(""), plain(""), plain(""), plain(""), (tone, change)];
    rows.extend(changes.map(further));
    rows
}
