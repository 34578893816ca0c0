//! A zip as a source: devices unpack nothing but tar, so it is packed anew, like a folder with the same in it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::{System, ZipArchive};

use super::name;
use super::pack::{Contents, From, Item};
use crate::error::CtlError;

/// Everything in a zip.
pub(super) fn contents(path: &Path) -> Result<Contents, CtlError> {
    let file = File::open(path).map_err(|source| CtlError::File { path: path.to_owned(), source })?;
    let damaged = |error| CtlError::Damaged(format!("{} is damaged: {error}; make it anew", path.display()));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut items = Vec::new();
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).map_err(damaged)?;
        // Some programs on Windows write the separator of their own system.
        let written = entry.name().map_err(damaged)?.replace('\\', "/");
        let refuse =
            |problem: &str| Err(CtlError::Usage(format!("{}: the entry {written:?} {problem}", path.display())));
        if let Some(problem) = name::problem(&written).or_else(|| has_drive(&written).then_some("is an absolute path"))
        {
            return refuse(&format!("{problem}; make the zip from inside its folder"));
        }
        if entry.encrypted() {
            return refuse("is encrypted; make the zip without a password");
        }
        let name = name::tidy(&written);
        if name.is_empty() || name::is_left_out(&name) {
            continue;
        }
        let item = if written.ends_with('/') {
            Item::Folder
        } else if entry.is_symlink() {
            let mut target = String::new();
            match entry.by_ref().take(LONGEST_TARGET).read_to_string(&mut target) {
                Ok(length) if (length as u64) < LONGEST_TARGET => Item::Link(target),
                Ok(_) | Err(_) => return refuse("is a link to something that cannot be read"),
            }
        } else {
            let mode = entry.unix_mode().filter(|_| entry.system() == System::Unix);
            let runs = mode.map_or_else(|| name.ends_with(".sh"), |mode| mode & 0o111 != 0);
            Item::File { from: From::Zip(number), size: entry.size(), runs }
        };
        items.push((name, item));
    }
    let mut contents = Contents::new(path.to_owned(), Some(zip));
    for (name, item) in items {
        if contents.add(&name, item).is_none() {
            let message = format!("{} holds {name:?} twice; which of them counts? Make it anew", path.display());
            return Err(CtlError::Usage(message));
        }
    }
    Ok(contents)
}

/// `C:…`, which only one system knows.
fn has_drive(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic()) && letters.next() == Some(':')
}

const LONGEST_TARGET: u64 = 4096;
