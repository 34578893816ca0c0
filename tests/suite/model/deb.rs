//! A package of the model: what stands in a .deb, as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The scripts that a package may have.
pub(crate) const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// A package, as a .deb carries it. A model .deb is this as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelDeb {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its architecture.
    #[serde(default = "all")]
    pub(crate) architecture: String,
    /// What it needs: `name` or `name (>= version)`, with any of dpkg's five relations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends: Vec<String>,
    /// What it cannot be together with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conflicts: Vec<String>,
    /// Its configuration files: absolute path and content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) conffiles: BTreeMap<String, String>,
    /// Its other files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) files: BTreeMap<String, String>,
    /// Whether it has no maintainer scripts; otherwise it has all four.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) plain: bool,
    /// Calls of its scripts that fail, such as `postinst configure`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) failing: BTreeSet<String>,
    /// Calls of its scripts that end dpkg by SIGKILL.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) killing: BTreeSet<String>,
    /// Bytes of filler, for a real run to be killed in; the model has the file without its content.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) filler: usize,
}

/// Part of a dependency or a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The package that is spoken of.
    pub(crate) name: String,
    bound: Option<(String, String)>,
}

impl ModelDeb {
    /// An empty package for every architecture.
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: all(),
            depends: Vec::new(),
            conflicts: Vec::new(),
            conffiles: BTreeMap::new(),
            files: BTreeMap::new(),
            plain: false,
            failing: BTreeSet::new(),
            killing: BTreeSet::new(),
            filler: 0,
        }
    }

    /// Adds a dependency.
    pub(crate) fn depends(mut self, relation: &str) -> Self {
        self.depends.push(relation.to_owned());
        self
    }

    /// Adds a conflict.
    pub(crate) fn conflicts(mut self, relation: &str) -> Self {
        self.conflicts.push(relation.to_owned());
        self
    }

    /// Adds a configuration file.
    pub(crate) fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.insert(path.to_owned(), content.to_owned());
        self
    }

    /// Adds a file.
    pub(crate) fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.to_owned(), content.to_owned());
        self
    }

    /// Lets a call of a script fail, such as `postinst configure`.
    pub(crate) fn failing(mut self, slot: &str) -> Self {
        self.failing.insert(slot.to_owned());
        self
    }

    /// The file name that apt would give it.
    pub(crate) fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version.replace(':', "%3a"), self.architecture)
    }

    /// Writes it as a model .deb into a folder, which is made where it is missing.
    #[expect(clippy::disallowed_methods, reason = "a package that is being built need not survive a power cut")]
    pub(crate) fn build(&self, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).expect("a folder for packages can be made");
        let path = folder.join(self.file_name());
        let text = serde_json::to_string_pretty(self).expect("a package is plain data");
        fs::write(&path, text).expect("a package can be written");
        path
    }

    /// Reads a model .deb.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{} is not a package: {error}", path.display()))
    }

    /// Every path with its content, conffiles among them, in the order in which a .deb holds them.
    pub(crate) fn contents(&self) -> BTreeMap<String, String> {
        let mut contents = self.files.clone();
        contents.extend(self.conffiles.clone());
        if self.filler > 0 {
            contents.insert(self.filler_path(), String::new());
        }
        contents
    }

    /// The path of its filler.
    pub(crate) fn filler_path(&self) -> String {
        format!("/usr/share/{}/filler", self.name)
    }

    /// The kilobytes that it says it takes.
    pub(crate) fn installed_kib(&self) -> u64 {
        let bytes: usize = self.files.values().chain(self.conffiles.values()).map(String::len).sum();
        (bytes + self.filler).div_ceil(1024) as u64
    }
}

impl Relation {
    /// Reads `name` or `name (>= version)`.
    pub(crate) fn parse(text: &str) -> Self {
        let Some((name, bound)) = text.split_once(" (") else { return Self { name: text.to_owned(), bound: None } };
        let (operator, version) =
            bound.trim_end_matches(')').split_once(' ').unwrap_or_else(|| panic!("{text:?} is no relation"));
        Self { name: name.to_owned(), bound: Some((operator.to_owned(), version.to_owned())) }
    }

    /// Whether `name` at `version` is what it speaks of.
    pub(crate) fn meets(&self, name: &str, version: &str) -> bool {
        let Some((operator, bound)) = &self.bound else { return self.name == name };
        let order = deb_version::compare_versions(version, bound);
        let fits = match operator.as_str() {
            "<<" => order.is_lt(),
            "<=" => order.is_le(),
            "=" => order.is_eq(),
            ">=" => order.is_ge(),
            ">>" => order.is_gt(),
            other => panic!("{other:?} is none of dpkg's relations"),
        };
        self.name == name && fits
    }
}

fn all() -> String {
    "all".to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}
