//! Aligned columns.

use crate::{Paint, Tone};

/// One cell: its tone and its text.
pub type Cell = (Tone, String);

/// A cell without a tone.
pub fn plain(text: impl Into<String>) -> Cell {
    (Tone::Plain, text.into())
}

/// The names of columns.
pub fn header(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| (Tone::Quiet, (*name).to_owned())).collect()
}

/// Lines with their cells aligned to the left, two spaces apart, after an indent.
pub fn table(rows: &[Vec<Cell>], indent: usize, paint: Paint) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|(_, text)| text.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<Cell>| {
        let mut line = " ".repeat(indent);
        let mut gap = 0;
        for ((tone, text), width) in row.iter().zip(&widths) {
            // Spaces are put before the next text, so that no line ends in one.
            if !text.is_empty() {
                line.push_str(&" ".repeat(gap));
                line.push_str(&paint.tone(*tone, text));
                gap = 0;
            }
            gap += width - text.chars().count() + 2;
        }
        line
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
