//! Where settings come from: files, and the few that are given outside of them.

use std::io;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::error::ConfigError;

/// One source of settings.
#[derive(Debug)]
pub enum Layer {
    /// A file.
    File {
        /// Where it lies.
        path: PathBuf,
        /// What is in it.
        text: String,
    },
    /// The environment.
    Environment(Vec<Given>),
    /// The command line.
    CommandLine(Vec<Given>),
}

/// A setting that can be given outside of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// What it is called in the environment.
    pub name: &'static str,
    /// The tables down to the setting, and the setting.
    pub key: &'static [&'static str],
}

/// A setting that was given outside of files.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Which one.
    pub variable: Variable,
    /// Its value.
    pub value: Value,
}

impl Variable {
    /// Asks the environment for it; an empty one counts as none.
    pub fn read(&self, environment: &impl Fn(&str) -> Option<String>) -> Option<String> {
        environment(self.name).filter(|value| !value.is_empty())
    }

    /// It, with this text.
    pub fn text(self, value: Option<String>) -> Option<Given> {
        value.map(|value| Given { variable: self, value: Value::String(value) })
    }

    /// It, with the list that this text is, with commas between.
    pub fn list(self, value: Option<String>) -> Option<Given> {
        let list = |value: String| value.split(',').map(|part| Value::String(part.trim().to_owned())).collect();
        value.map(|value| Given { variable: self, value: Value::Array(list(value)) })
    }
}

/// The file and its drop-ins, lowest first.
pub(crate) fn read(named: Option<&Path>, usual: &Path) -> Result<Vec<Layer>, ConfigError> {
    let path = named.unwrap_or(usual);
    let mut layers = Vec::new();
    match std::fs::read_to_string(path) {
        Ok(text) => layers.push(Layer::File { path: path.to_path_buf(), text }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {}
        Err(source) => return Err(ConfigError::Read { path: path.to_path_buf(), source }),
    }
    for path in drop_ins(path)? {
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        layers.push(Layer::File { path, text });
    }
    Ok(layers)
}

fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    let folder = PathBuf::from(folder);
    let unreadable = |source| ConfigError::Read { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        // Editors leave hidden files.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().extension().is_some_and(|extension| extension == "toml") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
