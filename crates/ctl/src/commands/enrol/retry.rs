//! The list of devices to try again: where it lies, whether it may be replaced, and how it is tried.

use std::fs;
use std::path::{Path, PathBuf};

use super::table::{Row, Table};
use crate::arguments::{Bulk, Connection};
use crate::error::CtlError;
use crate::files;
use crate::ssh::quoted;

/// Where the list is: where somebody says so, else beside the table, and in the table's own place where that is such a
/// list. What is no such list is never replaced.
pub(super) fn path(table: &Table, devices: &Path, asked: Option<&Path>) -> Result<PathBuf, CtlError> {
    let path = match asked {
        Some(path) => path.to_owned(),
        None if table.is_list() && is_named_so(devices) => devices.to_owned(),
        None => {
            let stem = devices.file_stem().unwrap_or_default().to_string_lossy();
            devices.with_file_name(format!("{stem}.retry.csv"))
        }
    };
    let is_free = fs::symlink_metadata(&path).is_err() || Table::read(&path).is_ok_and(|other| other.is_list());
    if is_free {
        return Ok(path);
    }
    let problem = "it is no list of devices to try again, so it is not replaced: give --retry with another name";
    Err(CtlError::Usage(format!("{}: {problem}", path.display())))
}

/// Writes the list. Where nothing is left to be tried, the one that was tried is removed, and no other.
pub(super) fn keep(table: &Table, list: &Path, devices: &Path, failed: &[(&Row, &str)]) -> Result<(), CtlError> {
    let unwritten = |source| CtlError::Write { path: list.to_owned(), source };
    if !failed.is_empty() {
        return files::replace(list, &table.again(failed).map_err(unwritten)?, 0o644);
    }
    if is_same(list, devices) { fs::remove_file(list).map_err(unwritten) } else { Ok(()) }
}

/// What tries the list, with every option that was given.
pub(super) fn command(list: &Path, asked: &Bulk, connection: &Connection) -> String {
    let path = list.display().to_string();
    let mut words = vec!["belayctl".to_owned(), "enrol".to_owned(), "bulk".to_owned(), path.clone()];
    words.extend(asked.options());
    if !is_named_so(list) {
        words.extend(["--retry".to_owned(), path]);
    }
    words.extend(connection.options());
    let words: Vec<String> = words.iter().map(|word| word_of(word)).collect();
    words.join(" ")
}

/// A word for a shell, in quotes only where it needs them.
fn word_of(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { quoted(word) }
}

fn is_named_so(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".retry"))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    canonical(one).is_some_and(|one| canonical(other) == Some(one))
}

#[cfg(test)]
mod tests;
