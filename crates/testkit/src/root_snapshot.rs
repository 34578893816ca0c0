//! An exact snapshot of any folder tree: what undo must bring back to the byte, measured without any code of the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::deb::hex;

/// Everything below a folder, the folder itself included: kinds, contents, modes, owners, times, links, attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSnapshot {
    facts: BTreeMap<(PathBuf, &'static str), String>,
}

impl RootSnapshot {
    /// Measures a folder, never through a link.
    ///
    /// # Panics
    /// When something in it cannot be read.
    pub fn of(folder: &Path) -> Self {
        Self::starting_at(folder, vec![PathBuf::new()])
    }

    /// Measures some of a root's folders with all that is below them; those that are not there are left out.
    ///
    /// # Panics
    /// When something in them cannot be read.
    pub fn of_folders(root: &Path, folders: &[&str]) -> Self {
        let there = folders.iter().map(PathBuf::from).filter(|folder| root.join(folder).symlink_metadata().is_ok());
        Self::starting_at(root, there.collect())
    }

    fn starting_at(folder: &Path, mut waiting: Vec<PathBuf>) -> Self {
        let mut survey = Survey { folder, facts: BTreeMap::new(), inodes: BTreeMap::new() };
        while let Some(path) = waiting.pop() {
            let full = folder.join(&path);
            if survey.look(&path).is_dir() {
                let entries = fs::read_dir(&full).unwrap_or_else(|error| cannot("list", &full, &error));
                let names =
                    entries.map(|entry| entry.unwrap_or_else(|error| cannot("list", &full, &error)).file_name());
                waiting.extend(names.map(|name| path.join(name)));
            }
        }
        for group in survey.inodes.into_values().filter(|group| group.len() > 1) {
            let named = group.iter().map(|path| format!("{}", path.display())).collect::<Vec<_>>().join(" = ");
            survey.facts.extend(group.into_iter().map(|path| ((path, "links"), named.clone())));
        }
        Self { facts: survey.facts }
    }

    /// Without one kind of fact: `mtime`, `mode`, `owner`, `links`.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.facts.retain(|(_, other), _| *other != field);
        self
    }

    /// One fact of one path below the folder.
    pub fn fact(&self, path: impl AsRef<Path>, field: &'static str) -> Option<&str> {
        self.facts.get(&(path.as_ref().to_owned(), field)).map(String::as_str)
    }

    /// Every path below the folder, itself as the empty one.
    pub fn paths(&self) -> BTreeSet<&Path> {
        self.facts.keys().map(|(path, _)| path.as_path()).collect()
    }

    /// Says in sentences what is different in `new`; empty when nothing is.
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let subjects: BTreeSet<_> = self.facts.keys().chain(new.facts.keys()).collect();
        let told = subjects.into_iter().filter_map(|subject| {
            let (path, field) = (subject.0.display(), subject.1);
            match (self.facts.get(subject), new.facts.get(subject)) {
                (Some(old), Some(new)) => (old != new).then(|| format!("{field} of /{path} was {old}, is {new}")),
                (Some(old), None) => Some(format!("{field} of /{path} is gone, was {old}")),
                (None, Some(new)) => Some(format!("{field} of /{path} is new: {new}")),
                (None, None) => None,
            }
        });
        told.collect()
    }
}

/// Asserts that two snapshots are equal.
///
/// # Panics
/// When they are not; the message says what differs.
#[track_caller]
pub fn assert_same_root(old: &RootSnapshot, new: &RootSnapshot, when: &str) {
    let differences = old.diff(new);
    assert!(differences.is_empty(), "the root differs {when}:\n  {}", differences.join("\n  "));
}

struct Survey<'a> {
    folder: &'a Path,
    facts: BTreeMap<(PathBuf, &'static str), String>,
    inodes: BTreeMap<(u64, u64), BTreeSet<PathBuf>>,
}

impl Survey<'_> {
    fn look(&mut self, path: &Path) -> Metadata {
        let full = self.folder.join(path);
        let metadata = fs::symlink_metadata(&full).unwrap_or_else(|error| cannot("look at", &full, &error));
        self.fact(path, "kind", kind(&full, &metadata));
        self.fact(path, "owner", format!("{}:{}", metadata.uid(), metadata.gid()));
        self.fact(path, "mtime", format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()));
        if !metadata.is_symlink() {
            self.fact(path, "mode", format!("{:04o}", metadata.mode() & 0o7777));
        }
        for name in xattr::list(&full).into_iter().flatten() {
            let value = xattr::get(&full, &name).ok().flatten().map(|value| hex(&value)).unwrap_or_default();
            let known = self.facts.entry((path.to_owned(), "attributes")).or_default();
            *known += &format!("[{}={value}]", name.display());
        }
        if !metadata.is_dir() {
            self.inodes.entry((metadata.dev(), metadata.ino())).or_default().insert(path.to_owned());
        }
        metadata
    }

    fn fact(&mut self, path: &Path, field: &'static str, value: String) {
        self.facts.insert((path.to_owned(), field), value);
    }
}

fn kind(full: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    if kind.is_file() {
        let content = fs::read(full).unwrap_or_else(|error| cannot("read", full, &error));
        format!("file of {} bytes, {}", content.len(), hex(&Sha256::digest(&content)))
    } else if kind.is_symlink() {
        let target = fs::read_link(full).unwrap_or_else(|error| cannot("read", full, &error));
        format!("link to {}", target.as_os_str().as_bytes().escape_ascii())
    } else if kind.is_dir() {
        "folder".to_owned()
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else {
        format!("special {:o} {}", metadata.mode() & 0o170_000, metadata.rdev())
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> ! {
    panic!("cannot {what} {}: {error}", path.display())
}
