//! A package list: one package per line, `name`, `name=version`, `name:arch` or `name:arch=version`.
//!
//! Comments (`#` to the end of the line) and blank lines are allowed. Anything else is refused with its line
//! number, before any other program sees it: a line such as `-o…` must never reach apt.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Architecture, PackageId, ParseError, Version};

/// The most lines that a list may have.
pub const MAX_LINES: usize = 5_000;

/// One line of a list: a package, and the version wanted where one was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageSpec {
    /// The package.
    pub package: PackageId,
    /// The version asked for; the newest that the device's sources offer where there is none.
    pub version: Option<Version>,
}

/// The packages that an update asks for, in the order in which they were written, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<PackageSpec>", into = "Vec<PackageSpec>")]
pub struct PackageList {
    specs: Vec<PackageSpec>,
}

/// Why a list was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A line is not a package.
    #[error("line {line}: {source}")]
    Line {
        /// The line's number, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A package stands in the list twice, with different versions.
    #[error("line {line}: {package} was named before with another version")]
    Conflict {
        /// The second line's number, counted from 1.
        line: usize,
        /// The package named twice.
        package: PackageId,
    },
    /// More than [`MAX_LINES`] lines.
    #[error("line {line}: a list has at most {MAX_LINES} lines")]
    TooLong {
        /// The first line too many.
        line: usize,
    },
}

impl ListError {
    /// The number of the line at fault, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Line { line, .. } | Self::Conflict { line, .. } | Self::TooLong { line } => *line,
        }
    }
}

impl PackageList {
    /// Reads lines, each a package, a comment or blank.
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, ListError> {
        let mut list = Self::default();
        for (text, line) in lines.into_iter().zip(1..) {
            if line > MAX_LINES {
                return Err(ListError::TooLong { line });
            }
            let text = text.split('#').next().unwrap_or_default().trim_ascii();
            if !text.is_empty() {
                let spec = text.parse().map_err(|source| ListError::Line { line, source })?;
                list.add(spec, line)?;
            }
        }
        Ok(list)
    }

    /// The packages, in the order in which they were written.
    pub fn specs(&self) -> &[PackageSpec] {
        &self.specs
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Whether `package` is named by the list.
    pub fn names(&self, package: &PackageId) -> bool {
        self.specs.iter().any(|spec| &spec.package == package)
    }

    /// The same list on a device whose own architecture is `native`, where `demo-app` and `demo-app:arm64` can be one
    /// package. The error is a package that is then asked for in two versions.
    pub fn on(&self, native: &Architecture) -> Result<Self, PackageId> {
        let mut list = Self::default();
        for spec in &self.specs {
            let spec = PackageSpec { package: spec.package.clone().on(native), version: spec.version.clone() };
            let package = spec.package.clone();
            list.add(spec, 0).map_err(|_| package)?;
        }
        Ok(list)
    }

    fn add(&mut self, spec: PackageSpec, line: usize) -> Result<(), ListError> {
        match self.specs.iter().find(|other| other.package == spec.package) {
            None => self.specs.push(spec),
            Some(same) if *same == spec => {}
            Some(other) => return Err(ListError::Conflict { line, package: other.package.clone() }),
        }
        Ok(())
    }
}

impl FromStr for PackageList {
    type Err = ListError;

    /// A text as a file holds it: editors on other systems begin it with a mark of their own.
    fn from_str(text: &str) -> Result<Self, ListError> {
        Self::from_lines(text.strip_prefix('\u{feff}').unwrap_or(text).lines())
    }
}

/// A list that another program wrote is held to the same rules; the position in the list counts as the line.
impl TryFrom<Vec<PackageSpec>> for PackageList {
    type Error = ListError;

    fn try_from(specs: Vec<PackageSpec>) -> Result<Self, ListError> {
        let mut list = Self::default();
        for (spec, line) in specs.into_iter().zip(1..) {
            if line > MAX_LINES {
                return Err(ListError::TooLong { line });
            }
            list.add(spec, line)?;
        }
        Ok(list)
    }
}

impl From<PackageList> for Vec<PackageSpec> {
    fn from(list: PackageList) -> Self {
        list.specs
    }
}

impl FromStr for PackageSpec {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once('=') {
            None => Ok(Self { package: text.parse()?, version: None }),
            Some((package, version)) => Ok(Self { package: package.parse()?, version: Some(version.parse()?) }),
        }
    }
}

impl fmt::Display for PackageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            None => write!(f, "{}", self.package),
            Some(version) => write!(f, "{}={version}", self.package),
        }
    }
}

impl TryFrom<String> for PackageSpec {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<PackageSpec> for String {
    fn from(spec: PackageSpec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests;
