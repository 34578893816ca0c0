//! A plan: the exact transaction that a job will carry out.

use serde::{Deserialize, Serialize};

use crate::{Architecture, PackageId, Sha256, Version};

/// What happens to one package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was not there.
    Install,
    /// To a higher version.
    Upgrade,
    /// To a lower version.
    Downgrade,
    /// The same version again.
    Reinstall,
    /// Only its configuration step is run.
    Configure,
    /// It goes, its configuration stays.
    Remove,
    /// It goes with its configuration.
    Purge,
}

/// A package version as it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its version.
    pub version: Version,
    /// Its architecture, `all` included.
    pub architecture: Architecture,
}

/// A package version as a source offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its version.
    pub version: Version,
    /// Its architecture, `all` included.
    pub architecture: Architecture,
    /// The sources that offer it, as apt names them: `Label:version/archive`.
    pub origins: Vec<String>,
    /// Where its .deb is fetched from.
    pub uri: String,
    /// The .deb's file name.
    pub file_name: String,
    /// The .deb's size in bytes.
    pub size: u64,
    /// The .deb's digest according to the signed index.
    pub sha256: Sha256,
}

/// One package's part in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The package.
    pub package: PackageId,
    /// What happens to it.
    pub action: Action,
    /// What is installed before; none for a new package.
    pub old: Option<Installed>,
    /// What will be installed; none for a removal.
    pub new: Option<Candidate>,
    /// Whether the list names it.
    pub asked: bool,
    /// Whether the device holds it at its version.
    #[serde(default)]
    pub held: bool,
}

/// The exact transaction that a job will carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Every package that changes, by name.
    pub changes: Vec<Change>,
    /// Digest of dpkg's status file when the plan was made; a change means the plan no longer holds.
    pub status: Sha256,
    /// Bytes to be fetched.
    pub download_bytes: u64,
    /// What going back will cost.
    pub undo: UndoCost,
    /// What a bundle does to files: known in a dry run, where it declares no packages; else once it is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
}

/// What happens to one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The path, absolute; bytes that are no UTF-8 as `\xNN`.
    pub path: String,
    /// What happens to it.
    pub action: FileAction,
    /// Its size in bytes afterwards.
    #[serde(default)]
    pub size: u64,
}

/// What happens to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// It was not there.
    Create,
    /// Its content or kind is another one.
    Replace,
    /// It goes.
    Delete,
    /// Only mode, owner, time or attributes are others.
    Metadata,
}

/// What going back from a plan will cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoCost {
    /// Bytes that the restore point takes on the disk.
    pub bytes: u64,
    /// Estimated time to go back, in seconds.
    pub seconds: u64,
}

impl UndoCost {
    /// With so many bytes more.
    #[must_use]
    pub fn and(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), ..self }
    }
}

impl Plan {
    /// Whether the device already is as asked.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Change {
    /// `demo-app 1.0 → 2.0`, `demo-dep + 1.0`, `old-tool - 0.9`.
    pub fn describe(&self) -> String {
        let package = &self.package;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old.version == new.version => format!("{package} {} again", new.version),
            (Some(old), Some(new)) => format!("{package} {} → {}", old.version, new.version),
            (None, Some(new)) => format!("{package} + {}", new.version),
            (Some(old), None) => match self.action {
                Action::Configure => format!("{package} {} configured", old.version),
                Action::Install
                | Action::Upgrade
                | Action::Downgrade
                | Action::Reinstall
                | Action::Remove
                | Action::Purge => {
                    format!("{package} - {}", old.version)
                }
            },
            (None, None) => package.to_string(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
