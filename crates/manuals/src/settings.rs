//! The page of a settings file, made from the comments in the file that is shipped.

use clap_mangen::roff::{bold, roman};

use crate::page;
use crate::program::SettingsFile;

/// The page's source.
pub(crate) fn page(file: &SettingsFile) -> String {
    let mut page = page::head(file.page, "5", env!("CARGO_PKG_VERSION"));
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{} - {}", file.page, file.what))]);
    page.control("SH", ["DESCRIPTION"]);
    for part in parts(file.text) {
        match part {
            Part::Words(words) => page.text([roman(words)]),
            Part::Table { name, words } => {
                page.control("SH", [&*name]);
                page.text([roman(words)])
            }
            Part::Setting { key, value, words } => {
                page.control("TP", []);
                page.text([bold(key), roman(format!(" = {value}"))]);
                page.text([roman(words)])
            }
        };
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(file.see_also)]);
    page.render()
}

/// What a settings file is made of, with the comment above it.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Table { name: String, words: String },
    Setting { key: String, value: String, words: String },
}

fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let said = || words.join(" ");
        if let Some(comment) = line.strip_prefix("# ") {
            words.push(comment);
            continue;
        }
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            found.push(Part::Table { name: line.to_owned(), words: said() });
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = whole_value(value, &mut lines);
            found.push(Part::Setting { key: key.to_owned(), value, words: said() });
        } else if !words.is_empty() {
            found.push(Part::Words(said()));
        }
        words.clear();
    }
    found
}

/// The value, on one line: a list may go over several.
fn whole_value<'a>(first: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    if first != "[" {
        return first.to_owned();
    }
    let rest: Vec<&str> =
        lines.map(|line| line.trim_start_matches('#').trim()).take_while(|line| *line != "]").collect();
    format!("[{}]", rest.join(" ").trim_end_matches(','))
}

#[cfg(test)]
mod tests;
