//! What state the device is in, owners and modes included: taken without any code of the agent.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::command::succeed;
use crate::deb::hex;

use super::device::root;

/// Files of which a difference is no matter of undo: users are only reported, the others are made by tools at will.
const LEFT_ALONE: [&str; 5] = ["/etc/.pwd.lock", "/etc/ld.so.cache", "/etc/mtab", "/etc/resolv.conf", "/etc/.updated"];

/// Where users and groups are written.
const USERS: [&str; 6] = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"];

/// Facts by subject: every package with its state, everything below /etc, and every path of the named packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    facts: BTreeMap<String, String>,
}

impl Census {
    /// Takes the census of this device, of the files of these packages among them.
    ///
    /// # Panics
    /// When dpkg's database or a file cannot be read.
    pub fn take(packages: &[&str]) -> Self {
        let mut census = Self { facts: BTreeMap::new() };
        let format =
            "${Package}:${Architecture}\\t${Version} ${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status}\\n";
        for line in succeed(root("dpkg-query").args(["-W", "-f", format])).lines() {
            let (package, state) = line.split_once('\t').expect("the format has a tab");
            // A name that dpkg has only heard of says nothing about the device.
            if !state.ends_with("unknown ok not-installed") {
                census.facts.insert(format!("package {package}"), state.to_owned());
            }
        }
        census.below(Path::new("/etc"));
        for place in ["/var/lib/dpkg/updates", "/var/lib/dpkg/alternatives"] {
            census.below(Path::new(place));
        }
        for file in ["/var/lib/dpkg/diversions", "/var/lib/dpkg/statoverride", "/var/lib/apt/extended_states"] {
            census.path(Path::new(file));
        }
        for package in packages {
            for tree in [format!("/usr/share/{package}"), format!("/usr/lib/{package}"), format!("/opt/{package}")] {
                census.path(Path::new(&tree));
                census.below(Path::new(&tree));
            }
            census.path(&Path::new("/usr/bin").join(package));
        }
        census
    }

    /// Says in sentences what is different in `new`; empty when nothing is. Users and groups are left out.
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let mut subjects: Vec<&String> = self.facts.keys().chain(new.facts.keys()).collect();
        subjects.sort();
        subjects.dedup();
        let absent = "not there".to_owned();
        let sentence = |subject: &String| {
            let (old, new) = (self.facts.get(subject).unwrap_or(&absent), new.facts.get(subject).unwrap_or(&absent));
            (old != new).then(|| format!("{subject} was {old}, is {new}"))
        };
        subjects.into_iter().filter_map(sentence).collect()
    }

    /// Returns what is known of a path or a package.
    pub fn fact(&self, subject: &str) -> Option<&str> {
        self.facts.get(subject).map(String::as_str)
    }

    /// Asserts that nothing differs.
    ///
    /// # Panics
    /// When something does; the message says what.
    #[track_caller]
    pub fn assert_same(&self, new: &Self) {
        let differences = self.diff(new);
        assert!(differences.is_empty(), "the device differs:\n  {}", differences.join("\n  "));
    }

    fn below(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            self.path(&entry.path());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.below(&entry.path());
            }
        }
    }

    fn path(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let Ok(metadata) = fs::symlink_metadata(path) else { return };
        if LEFT_ALONE.contains(&shown.as_str()) || USERS.contains(&shown.trim_end_matches('-')) {
            return;
        }
        let what = if metadata.is_symlink() {
            format!("a link to {}", fs::read_link(path).expect("a link has a target").display())
        } else if metadata.is_file() {
            let contents = fs::read(path).unwrap_or_else(|error| panic!("cannot read {shown}: {error}"));
            format!("a file with digest {}", hex(&Sha256::digest(contents)[..8]))
        } else if metadata.is_dir() {
            "a folder".to_owned()
        } else {
            "a special file".to_owned()
        };
        let fact = format!("{what}, {}:{}, {:o}", metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
        self.facts.insert(shown, fact);
    }
}
