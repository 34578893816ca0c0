//! Writing to the terminal. Whoever closes the pipe early, as `| head` does, has seen enough.

use std::error::Error;
use std::io::{self, Write};

use belay_protocol::admin::ApiError;
use serde::Serialize;

/// Writes one answer to standard output.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// Writes what goes beside the answer to standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "belay-server: {text}");
}

/// Writes one answer as JSON to standard output.
pub(super) fn say_json(answer: &impl Serialize) {
    say(&serde_json::to_string_pretty(answer).expect("the protocol has only text keys and finite numbers"));
}

/// Shows why something was not done: as JSON where the answer would have been, else on standard error.
pub(super) fn refused(code: &str, message: String, field: Option<&str>, json: bool) {
    if json {
        say_json(&ApiError { error: code.to_owned(), message, field: field.map(str::to_owned) });
    } else {
        note(&message);
    }
}

/// An error with everything that it came from.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // An error that only passes another one on has said it already.
        if !message.ends_with(&words) {
            message = format!("{message}: {words}");
        }
        source = cause.source();
    }
    message
}

/// Columns under their heads, as wide as they need to be.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([heads[at].chars().count()]).max().unwrap_or_default()
    });
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|at| row[at].as_str())));
    [line(heads)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [["a".to_owned(), "Zoë".to_owned(), "x".to_owned()], ["abc".to_owned(), String::new(), String::new()]];
        assert_eq!(table(["ID", "NAME", "X"], &rows), "ID   NAME  X\na    Zoë   x\nabc");
    }
}
