//! The exact tier of a sandbox's state, measured without any code of the agent.
//!
//! Two snapshots are equal exactly when an update was undone, or done, completely: packages with their states, marks,
//! conffiles, all of /etc and /usr, dpkg's own tables, and no leftovers of an interrupted dpkg. The sandbox's own path
//! is hidden from file contents, so that a copy of a sandbox equals its template.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::deb::hex;
use crate::sandbox::Sandbox;

/// Files above this size are taken as they are: none of them names the sandbox's own path.
const LARGEST_TEXT: usize = 65536;

/// The state of a sandbox at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    facts: BTreeMap<String, String>,
}

impl Snapshot {
    /// Measures a sandbox.
    ///
    /// # Panics
    /// When its database or files cannot be read.
    pub fn of(sandbox: &Sandbox) -> Self {
        let mut survey = Survey { sandbox, facts: BTreeMap::new() };
        survey.packages();
        survey.marks();
        survey.tree("etc");
        survey.tree("usr");
        survey.database();
        survey.leftovers(&sandbox.root());
        Self { facts: survey.facts }
    }

    /// Says in sentences what is different in `new`; empty when nothing is.
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let subjects: BTreeSet<&String> = self.facts.keys().chain(new.facts.keys()).collect();
        subjects
            .into_iter()
            .filter_map(|subject| match (self.facts.get(subject), new.facts.get(subject)) {
                (Some(old), Some(new)) => (old != new).then(|| format!("{subject} was {old}, is {new}")),
                (Some(old), None) => Some(format!("{subject} is gone, was {old}")),
                (None, Some(new)) => Some(format!("{subject} is new: {new}")),
                (None, None) => None,
            })
            .collect()
    }

    /// Returns all facts, subject by subject, for looking at one of them.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }
}

/// Asserts that two snapshots are equal.
///
/// # Panics
/// When they are not; the message says what differs.
#[track_caller]
pub fn assert_same(old: &Snapshot, new: &Snapshot) {
    let differences = old.diff(new);
    assert!(differences.is_empty(), "the sandbox differs:\n  {}", differences.join("\n  "));
}

struct Survey<'a> {
    sandbox: &'a Sandbox,
    facts: BTreeMap<String, String>,
}

impl Survey<'_> {
    fn packages(&mut self) {
        // A record separator ends each package, because the list of conffiles has lines of its own.
        let format = "${Package}:${Architecture}\\t${Version}\\t${db:Status-Want} ${db:Status-Eflag} \
                      ${db:Status-Status}\\t${Conffiles}\u{1e}";
        for record in self.sandbox.dpkg_query(format).split('\u{1e}') {
            let fields: Vec<&str> = record.splitn(4, '\t').collect();
            let [package, version, status, conffiles] = fields[..] else { continue };
            self.fact(format!("package {package}"), format!("{version} ({status})"));
            for line in conffiles.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let (path, digest) = line.split_once(' ').unwrap_or((line, ""));
                self.fact(format!("conffile {path} of {package}"), format!("shipped as {digest}"));
            }
        }
    }

    fn marks(&mut self) {
        let path = self.sandbox.path("var/lib/apt/extended_states");
        let text = fs::read_to_string(path).unwrap_or_default();
        for stanza in text.split("\n\n") {
            let field = |name: &str| {
                stanza
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .find_map(|(field, value)| (field == name).then(|| value.trim()))
            };
            if let (Some(package), Some("1")) = (field("Package"), field("Auto-Installed")) {
                let architecture = field("Architecture").unwrap_or("all");
                self.fact(format!("mark of {package}:{architecture}"), "automatically installed".to_owned());
            }
        }
    }

    /// Records every entry below a folder of the root, not the folder itself: dpkg removes an empty `usr`.
    fn tree(&mut self, relative: &str) {
        let Ok(entries) = fs::read_dir(self.sandbox.path(relative)) else { return };
        for entry in entries {
            let path = entry.expect("a folder of the root can be listed").path();
            let below = path.strip_prefix(self.sandbox.root()).expect("an entry lies below its root").to_owned();
            let metadata = fs::symlink_metadata(&path)
                .unwrap_or_else(|error| panic!("cannot look at {}: {error}", path.display()));
            let mode = metadata.permissions().mode() & 0o7777;
            let kind = metadata.file_type();
            let value = if kind.is_symlink() {
                let target = fs::read_link(&path).expect("a link has a target");
                format!("a link to {}", target.display())
            } else if kind.is_dir() {
                format!("a folder of mode {mode:o}")
            } else if kind.is_file() {
                format!("a file of mode {mode:o} with digest {}", self.digest(&path))
            } else {
                format!("a special file of mode {mode:o}")
            };
            self.fact(format!("/{}", below.display()), value);
            if kind.is_dir() {
                self.tree(below.to_str().expect("a path on the root is text"));
            }
        }
    }

    /// Records dpkg's own tables: diversions, overrides, alternatives, and journal files of an interrupted run.
    fn database(&mut self) {
        for table in ["arch", "diversions", "statoverride"] {
            let text = fs::read_to_string(self.sandbox.path("var/lib/dpkg").join(table)).unwrap_or_default();
            if !text.is_empty() {
                self.fact(format!("dpkg's {table}"), format!("{text:?}"));
            }
        }
        self.tree("var/lib/dpkg/alternatives");
        self.tree("var/lib/dpkg/updates");
        if self.sandbox.path("var/lib/dpkg/tmp.ci").exists() {
            self.fact("leftover /var/lib/dpkg/tmp.ci".to_owned(), "there".to_owned());
        }
        self.lists();
    }

    /// Which paths dpkg says that each package has.
    fn lists(&mut self) {
        let Ok(entries) = fs::read_dir(self.sandbox.path("var/lib/dpkg/info")) else { return };
        let lists = entries.flatten().map(|entry| entry.path());
        for list in lists.filter(|path| path.extension().is_some_and(|extension| extension == "list")) {
            let text = fs::read_to_string(&list).unwrap_or_else(|error| panic!("{}: {error}", list.display()));
            let paths: BTreeSet<&str> = text.lines().collect();
            let name = list.file_stem().expect("it has one").to_string_lossy();
            self.fact(format!("dpkg's list of {name}"), format!("{paths:?}"));
        }
    }

    fn leftovers(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if [".dpkg-new", ".dpkg-tmp", ".dpkg-old", ".dpkg-dist", ".belay-new"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
            {
                let below = path.strip_prefix(self.sandbox.root()).expect("an entry lies below its root");
                self.fact(format!("leftover /{}", below.display()), "there".to_owned());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.leftovers(&path);
            }
        }
    }

    fn digest(&self, path: &Path) -> String {
        let contents = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let place = self.sandbox.dir().as_os_str().as_encoded_bytes();
        let digest = if contents.len() > LARGEST_TEXT {
            Sha256::digest(contents)
        } else {
            Sha256::digest(without(&contents, place))
        };
        hex(&digest[..8])
    }

    fn fact(&mut self, subject: String, value: String) {
        self.facts.insert(subject, value);
    }
}

/// Returns `bytes` without any occurrence of `needle`.
fn without(bytes: &[u8], needle: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut kept = Vec::with_capacity(bytes.len());
    while let Some(at) = rest.windows(needle.len()).position(|window| window == needle) {
        kept.extend_from_slice(&rest[..at]);
        rest = &rest[at + needle.len()..];
    }
    kept.extend_from_slice(rest);
    kept
}
