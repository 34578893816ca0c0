//! Text of answers, for people. Pure: the same answer on the same page is the same text.

pub(crate) mod access;
pub(crate) mod channel;
pub(crate) mod deployment;
pub(crate) mod device;
pub(crate) mod enrol;
pub(crate) mod lan;
pub(crate) mod profile;
pub(crate) mod release;
pub(crate) mod report;
pub(crate) mod watch;
pub(crate) mod watch_folder;

use belay_terminal::{Cell, Page, header, one_line};

/// Rows under the names of their columns. Cells hold words of devices and people: each stays in its line.
pub(crate) fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>, page: &Page) -> String {
    let clean = |row: Vec<Cell>| row.into_iter().map(|(tone, text)| (tone, one_line(&text))).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(header(columns)).chain(rows.into_iter().map(clean)).collect();
    belay_terminal::table(&rows, 0, page.paint)
}

#[cfg(test)]
mod tests;
