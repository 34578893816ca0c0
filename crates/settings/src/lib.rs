//! How Belay's daemons read their settings. What can be written, and what of it is valid, each program says itself: this
//! crate knows no setting, only the words for how much is logged, which are the same for all.
//!
//! Later layers win: the program's defaults, its file, the drop-ins `FILE.d/*.toml` by name, the environment, the command
//! line. A list is replaced as a whole, but entries that have names are told apart by them. An error names file, line and
//! setting.

mod error;
mod layer;
mod merge;
mod tables;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use error::{ConfigError, Place, Problem};
pub use layer::{Given, Layer, Variable};
pub use tables::Level;

/// Whose settings they are.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Where its file lies unless somebody names another, such as `/etc/belay/agent.toml`.
    pub file: &'static str,
}

impl Program {
    /// The file and its drop-ins, lowest first. Only a file that was named must be there.
    pub fn read(&self, named: Option<&Path>) -> Result<Vec<Layer>, ConfigError> {
        layer::read(named, Path::new(self.file))
    }

    /// Merges the layers, lowest first, to what `valid` makes of them.
    pub fn settle<F: DeserializeOwned, S>(
        &self,
        layers: &[Layer],
        valid: impl FnOnce(F) -> Result<S, Problem>,
    ) -> Result<S, ConfigError> {
        let file = merge::merge(layers, self.name())?;
        valid(file).map_err(|problem| merge::locate(layers, problem))
    }

    /// What its file is called.
    fn name(&self) -> &'static str {
        self.file.rsplit('/').next().unwrap_or(self.file)
    }
}

/// The path, where it is absolute: a daemon's working folder is nobody's business.
pub fn absolute(key: &[&str], path: PathBuf) -> Result<PathBuf, Problem> {
    if path.is_absolute() {
        return Ok(path);
    }
    Err(Problem::new(key, format!("{path:?} is no absolute path; write it from / on")))
}

#[cfg(test)]
mod tests;
