//! Text of answers, for people. Pure: the same answer is the same text.

pub(crate) mod access;
pub(crate) mod channel;
pub(crate) mod deployment;
pub(crate) mod device;
pub(crate) mod release;

use comfy_table::Table;
use comfy_table::presets::NOTHING;

/// A table without lines, its columns under their names.
fn table<R: IntoIterator<Item = String>>(columns: &[&str], rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(columns.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `1 device`, `2 devices`.
fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("{number} {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests;
