//! What a bundle says of itself: `belay.toml`, or the old recorder's `update_manifest.json`, or nothing.

mod belay_toml;
mod place;
mod recorder;
mod source;

use std::path::Path;
use std::time::Duration;

use belay_protocol::{Failure, PackageList, Reason, ReleaseVersion};

use self::place::read_text;
use crate::host::tree::TreePath;
use crate::machine::rules::CheckSpec;

pub use self::recorder::INSTALLER;

/// What a bundle says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// Its version.
    pub version: Option<ReleaseVersion>,
    /// How its script is to be run; captured where that works, where it says nothing.
    pub mode: Option<Mode>,
    /// Files and folders that its script changes, for undo in direct mode.
    pub paths: Vec<TreePath>,
    /// Health checks beside the device's own, as in `[[health.check]]` of agent.toml.
    pub checks: Vec<CheckSpec>,
    /// Units that are stopped before the script runs, and started again afterwards.
    pub stop: Vec<String>,
    /// Units that are restarted after the change.
    pub restart: Vec<String>,
    /// Whether the device must start again.
    pub reboot: bool,
    /// Packages that it needs.
    pub packages: PackageList,
    /// The oldest agent that can install it.
    pub minimum_agent: Option<String>,
    /// Versions that it updates from; any where there is none. Each is a range such as `>= 2.33, < 3`: all its conditions
    /// hold. One of the ranges is enough.
    pub from: Vec<String>,
    /// Files of the archive that keep their setuid or setgid bits.
    pub setuid: Vec<TreePath>,
    /// How long its script may run, where that is less than the device allows.
    pub timeout: Option<Duration>,
    /// What is to be done.
    pub content: Content,
}

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Over an overlay of the root.
    Captured,
    /// On the root itself.
    Direct,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Content {
    /// `install.sh` is run.
    #[default]
    Script,
    /// The old recorder's format: everything below `payload/` is put below the root.
    Payload(Vec<PayloadFile>),
}

/// A file of the old recorder's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFile {
    /// Where it goes, below the root; in the archive it lies below `payload/`.
    pub path: TreePath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: belay_protocol::Sha256,
}

impl Description {
    /// The paths that it says it changes: declared ones, or the files of the old recorder's format.
    pub fn changed_paths(&self) -> Vec<TreePath> {
        match &self.content {
            Content::Script => self.paths.clone(),
            Content::Payload(files) => files.iter().map(|file| file.path.clone()).collect(),
        }
    }

    /// The name of the script that installs it.
    pub fn script(&self) -> &'static str {
        match self.content {
            Content::Script => "install.sh",
            Content::Payload(_) => INSTALLER,
        }
    }

    /// Reads what lies in an unpacked bundle's folder, and holds the folder to it: `install.sh` is there, or every file of
    /// a recorder's archive with its digest.
    ///
    /// # Errors
    /// `bad_bundle`, in a sentence that says what to change.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        Self::read_from(folder).map_err(|problem| Failure::new(Reason::BadBundle, problem))
    }

    fn read_from(folder: &Path) -> Result<Self, String> {
        let own = read_text(folder, BELAY_TOML)?;
        let recorders = read_text(folder, recorder::MANIFEST)?;
        let description = match (own, recorders) {
            (Some(_), Some(_)) => {
                let manifest = recorder::MANIFEST;
                return Err(format!("the bundle has {BELAY_TOML} and {manifest}; which of them counts? Leave one out"));
            }
            (None, Some(text)) => return recorder::read(folder, &text),
            (Some(text), None) => belay_toml::parse(&text)?,
            (None, None) => Self::default(),
        };
        if !is_file(folder, Path::new(SCRIPT)) {
            return Err(format!(
                "the bundle has no {SCRIPT}, or it is no regular file; put it at the top of the archive, not in a folder"
            ));
        }
        match description.setuid.iter().find(|path| !is_file(folder, path.as_path())) {
            None => Ok(description),
            Some(path) => {
                let path = path.as_path().display();
                Err(format!("{BELAY_TOML}: setuid: the archive has no file {path}; write its path as in the archive"))
            }
        }
    }

    /// Whether this agent, on a device with that version in force, may install it.
    ///
    /// # Errors
    /// `agent_too_old`, `wrong_source`.
    pub fn fits(&self, agent: &str, in_force: Option<&ReleaseVersion>) -> Result<(), Failure> {
        if let Some(minimum) = self.minimum_agent.as_deref()
            && deb_version::compare_versions(agent, minimum).is_lt()
        {
            let message = format!(
                "the bundle needs belay-agent {minimum} or newer, and this is {agent}; update belay-agent first"
            );
            return Err(Failure::new(Reason::AgentTooOld, message));
        }
        if self.from.is_empty() {
            return Ok(());
        }
        let ranges = self.from.join("; or ");
        let message = match in_force {
            Some(version) if self.from.iter().any(|range| source::holds(range, version)) => return Ok(()),
            Some(version) => format!(
                "the bundle updates only from {ranges}, and {version} is in force; install a version in between first"
            ),
            None => format!(
                "the bundle updates only from {ranges}, and no bundle was installed on this device; install one of those \
                 versions first"
            ),
        };
        Err(Failure::new(Reason::WrongSource, message))
    }
}

fn is_file(folder: &Path, path: &Path) -> bool {
    folder.join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

const BELAY_TOML: &str = "belay.toml";

const SCRIPT: &str = "install.sh";

#[cfg(test)]
mod tests;
