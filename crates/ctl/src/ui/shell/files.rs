//! Looks into folders and reads lists, for the file chooser.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::ui::app::Event;
use crate::ui::app::chooser::Folder;

/// What is there: a folder's entries, or a file's text, which comes under the path that was asked for.
pub(super) fn look(asked: &Path) -> Event {
    let path = &at_home(asked);
    let told = |error: io::Error| format!("cannot open {}: {error}", path.display());
    match fs::metadata(path) {
        Err(error) => Event::Folder(Err(told(error))),
        Ok(found) if found.is_dir() => Event::Folder(folder(path).map_err(told)),
        Ok(found) if found.is_file() => Event::File(asked.to_owned(), text(path)),
        Ok(_) => Event::Folder(Err(format!("{} is neither a folder nor a file", path.display()))),
    }
}

/// `~/lists` below the person's home folder.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_), None) | (Err(_), _) => path.to_owned(),
    }
}

/// What lies in a folder, hidden things aside. Only text can be a list, so the first bytes of each file are looked at.
fn folder(path: &Path) -> io::Result<Folder> {
    let mut folder = Folder { path: fs::canonicalize(path)?, folders: Vec::new(), files: Vec::new(), omitted: 0 };
    for entry in fs::read_dir(path)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Through links: what counts is what opening it gives.
        let Ok(found) = fs::metadata(entry.path()) else { continue };
        match found {
            _ if name.starts_with('.') => {}
            found if found.is_dir() => folder.folders.push(name),
            found if found.is_file() && is_text(&entry.path()) => folder.files.push(name),
            _ => folder.omitted += 1,
        }
    }
    folder.folders.sort();
    folder.files.sort();
    Ok(folder)
}

fn is_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    // The last character may have been cut in the middle.
    let is_text = std::str::from_utf8(&start).err().is_none_or(|error| error.error_len().is_none());
    read.is_ok() && is_text && !start.contains(&0)
}

fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 1 MB: this is no package list".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is no text: this is no package list".to_owned())
}

/// How much of a file tells text from other things.
const LOOKED_AT: u64 = 1024;

/// No list is larger: 5000 lines of 200 characters.
const LARGEST: u64 = 1_000_000;

#[cfg(test)]
mod tests;
