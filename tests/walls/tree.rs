//! Walks the source tree.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the source tree.
pub(crate) struct Text {
    /// Its path below the top, with `/`.
    pub path: String,
    /// What it holds.
    pub content: String,
}

impl Text {
    /// Whether it holds nothing but tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }
}

/// Every text file whose path starts and ends so, by path. It is a mistake of the test's if there is none.
#[track_caller]
pub(crate) fn files(start: &str, end: &str) -> Vec<Text> {
    let mut paths = Vec::new();
    walk(top(), &mut paths);
    let mut files: Vec<Text> = paths.iter().filter_map(|path| read(path)).collect();
    files.retain(|file| file.path.starts_with(start) && file.path.ends_with(end));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(!files.is_empty(), "there is no file {start}…{end}: has it moved? Then this wall must move too");
    files
}

/// One file that has to be there.
#[track_caller]
pub(crate) fn file(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source tree can be read") {
        let entry = entry.expect("an entry of the source tree can be read");
        let kind = entry.file_type().expect("an entry of the source tree has a type");
        let path = entry.path();
        // Cargo marks its target folders, wherever they lie, as caches.
        if kind.is_dir() && entry.file_name() != ".git" && !path.join("CACHEDIR.TAG").exists() {
            walk(&path, found);
        } else if kind.is_file() && entry.file_name() != ".git" {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Option<Text> {
    let content = String::from_utf8(fs::read(path).expect("a file of the source tree can be read")).ok()?;
    let below = path.strip_prefix(top()).expect("it was found below the top");
    Some(Text { path: below.to_string_lossy().replace('\\', "/"), content })
}
