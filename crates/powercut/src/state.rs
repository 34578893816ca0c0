//! The state of a device as far as an update or a way back must bring it about exactly, measured without the agent.
//!
//! Every file with its kind, mode, owner and content, but for what a running system writes anyway; dpkg's database by
//! package, since the order of its paragraphs means nothing; the rollback file.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use belay_testkit::deb::digest_of;

/// What is so, subject by subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    facts: BTreeMap<String, String>,
}

/// Digests of files that were there before the story began: an inode with the same change time has the same content.
#[derive(Clone, Debug, Default)]
pub struct Known {
    digests: BTreeMap<(u64, i64, i64, u64), String>,
}

/// What every start or every run of apt writes, whatever it is asked for.
const OTHERS: &[&str] = &[
    "dev",
    "lost+found",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache",
    "var/lib/apt/lists",
    "var/lib/apt/periodic",
    "var/lib/belay",
    "var/lib/dpkg/available",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/status",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/private",
    "var/lib/systemd",
    "var/log",
    "var/tmp",
];

/// The paths apart from those that are looked at again: where old copies end.
const OLD: &[&str] = &["var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old", "var/lib/dpkg/statoverride-old"];

impl State {
    /// Measures the root that is mounted there.
    ///
    /// # Errors
    /// What cannot be read: on a disk that ext4 has recovered everything can.
    pub fn of(root: &Path, known: &Known) -> Result<Self, String> {
        let mut state = Self::default();
        state.folder(root, "", known)?;
        let database = root.join("var/lib/dpkg/status");
        let text =
            fs::read_to_string(&database).map_err(|error| format!("cannot read {}: {error}", database.display()))?;
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
            state.facts.insert(format!("dpkg's {}", field("Package: ")), paragraph.trim().to_owned());
        }
        let rollback =
            fs::read_to_string(root.join("var/lib/belay/rollbackFile")).unwrap_or_else(|_| "none".to_owned());
        state.facts.insert("rollbackFile".to_owned(), rollback);
        Ok(state)
    }

    /// Says what is different in `new`, one line each.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let changed = self.facts.iter().filter_map(|(subject, was)| match new.facts.get(subject) {
            Some(is) if is == was => None,
            Some(is) => Some(format!("{subject} was {was:?}, is {is:?}")),
            None => Some(format!("{subject} is gone, was {was:?}")),
        });
        let added = new.facts.iter().filter(|(subject, _)| !self.facts.contains_key(*subject));
        changed.chain(added.map(|(subject, is)| format!("{subject} is new: {is:?}"))).collect()
    }

    fn folder(&mut self, root: &Path, below: &str, known: &Known) -> Result<(), String> {
        let folder = root.join(below);
        let cannot = |error| format!("cannot list {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if OTHERS.contains(&path.as_str()) || OLD.contains(&path.as_str()) {
                continue;
            }
            let metadata = entry.metadata().map_err(|error| format!("cannot look at /{path}: {error}"))?;
            let is_folder = metadata.is_dir();
            self.facts.insert(format!("/{path}"), fact(&entry.path(), &metadata, known)?);
            if is_folder {
                self.folder(root, &path, known)?;
            }
        }
        Ok(())
    }
}

impl Known {
    /// Measures every file of the root that is mounted there.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn of(root: &Path) -> Result<Self, String> {
        let mut known = Self::default();
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            let cannot = |error| format!("cannot list {}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(cannot)? {
                let entry = entry.map_err(cannot)?;
                let metadata = entry.metadata().map_err(cannot)?;
                if metadata.is_dir() {
                    waiting.push(entry.path());
                } else if metadata.is_file() {
                    known.digests.insert(key(&metadata), digest_of(&entry.path()).0);
                }
            }
        }
        Ok(known)
    }
}

fn key(metadata: &Metadata) -> (u64, i64, i64, u64) {
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec(), metadata.len())
}

fn fact(path: &Path, metadata: &Metadata, known: &Known) -> Result<String, String> {
    let owner = format!("{:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        return Ok(format!("link to {} {owner}", target.display()));
    }
    if !metadata.is_file() {
        return Ok(owner);
    }
    if let Some(digest) = known.digests.get(&key(metadata)) {
        return Ok(format!("{owner} {digest}"));
    }
    // A file that cannot be read is a fact as well: it fails the comparison, and the message says which.
    fs::File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(format!("{owner} {}", digest_of(path).0))
}

#[cfg(test)]
mod tests;
