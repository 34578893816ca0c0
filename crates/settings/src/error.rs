//! What is wrong with the settings, and where.

use std::fmt;
use std::path::PathBuf;

/// Why the settings cannot be used. Its text names the place and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A setting is unknown, or its value cannot be used.
    #[error("{place}: {message}")]
    Wrong {
        /// Where it was written.
        place: Place,
        /// Its full name and the problem.
        message: String,
    },
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// In an environment variable of this name.
    Environment(&'static str),
    /// On the command line.
    CommandLine,
    /// Nowhere: the default does not fit what was written elsewhere.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine => f.write_str("command line"),
            Self::Default => f.write_str("default settings"),
        }
    }
}

/// A setting that cannot be used, before it is known where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The tables down to the setting, and the setting: `["control", "listen"]`. An entry of a list goes by its name.
    pub key: Vec<String>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// What is wrong with the setting of this name.
    pub fn new(key: &[&str], message: impl Into<String>) -> Self {
        Self { key: key.iter().map(ToString::to_string).collect(), message: message.into() }
    }
}
