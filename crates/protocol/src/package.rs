//! Debian's names: packages, architectures, versions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is wrong with a name or a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a package name of Debian policy 5.6.7.
    #[error(
        "{0:?} is no package name: at least two of a-z 0-9 + - . beginning with a letter or digit, not ending with -"
    )]
    Name(String),
    /// Not an architecture.
    #[error("{0:?} is no architecture: a-z 0-9 and - only, such as arm64")]
    Architecture(String),
    /// Not a package version of Debian policy 5.6.12.
    #[error(
        "{0:?} is no package version: [epoch:]version[-revision] of letters, digits and . + - ~ such as 1:2.0~rc1-3"
    )]
    Version(String),
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $error:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(ParseError::$error(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_newtype!(
    /// A package's name, such as `demo-app`.
    #[derive(PartialOrd, Ord)]
    PackageName,
    Name,
    |text| {
        let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
        (2..=128).contains(&text.len())
            && text.bytes().all(rest)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
            // apt reads a trailing - as the order to remove; no package of Debian is named so.
            && !text.ends_with('-')
    }
);

text_newtype!(
    /// An architecture, such as `arm64`; `all` for packages that fit every one.
    #[derive(PartialOrd, Ord)]
    Architecture,
    Architecture,
    |text| {
        (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    }
);

text_newtype!(
    /// A package's version, ordered as Debian orders them: `1.0~rc1 < 1.0 < 1:0.5`.
    ///
    /// Two versions are the same only when they are written the same. Debian's order holds `1.0`, `1.00`, `0:1.0` and
    /// `1.0-0` to be equal: see [`Version::debian_cmp`].
    Version,
    Version,
    is_version
);

impl Architecture {
    /// Whether a package of this architecture needs no `:arch` to be named on a device of architecture `native`.
    pub fn is_native_to(&self, native: &Self) -> bool {
        self == native || self.0 == "all"
    }
}

impl Version {
    /// Debian's order, by which differently written versions can be equal. A downgrade is what this calls less.
    pub fn debian_cmp(&self, other: &Self) -> Ordering {
        deb_version::compare_versions(&self.0, &other.0)
    }
}

impl Ord for Version {
    /// Debian's order; where that sees no difference, the order of the texts, so that equal means the same.
    fn cmp(&self, other: &Self) -> Ordering {
        self.debian_cmp(other).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A package on one device: its name, and its architecture where that is a foreign one (`libdemo:armhf`).
///
/// A native package and one of architecture `all` share the same identity, as they do for dpkg.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageId {
    name: PackageName,
    foreign: Option<Architecture>,
}

impl PackageId {
    /// The identity of `name` in `architecture` on a device whose own architecture is `native`.
    pub fn new(name: PackageName, architecture: &Architecture, native: &Architecture) -> Self {
        let foreign = (!architecture.is_native_to(native)).then(|| architecture.clone());
        Self { name, foreign }
    }

    /// The identity on a device whose own architecture is `native`: a list may say `demo-app:arm64` where `demo-app`
    /// is meant.
    pub fn on(self, native: &Architecture) -> Self {
        Self { foreign: self.foreign.filter(|architecture| !architecture.is_native_to(native)), ..self }
    }

    /// The package's name alone.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The architecture, where it is not the device's own.
    pub fn foreign(&self) -> Option<&Architecture> {
        self.foreign.as_ref()
    }
}

impl From<PackageName> for PackageId {
    fn from(name: PackageName) -> Self {
        Self { name, foreign: None }
    }
}

impl FromStr for PackageId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            None => Ok(Self { name: text.parse()?, foreign: None }),
            Some((name, architecture)) => Ok(Self { name: name.parse()?, foreign: Some(architecture.parse()?) }),
        }
    }
}

impl TryFrom<String> for PackageId {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<PackageId> for String {
    fn from(id: PackageId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.foreign {
            None => f.pad(self.name.as_str()),
            Some(architecture) => f.pad(&format!("{}:{architecture}", self.name)),
        }
    }
}

/// What dpkg itself takes: it only warns of a version that begins with a letter, and devices have such packages.
fn is_version(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte);
    text.len() <= 256
        && epoch.bytes().all(|byte| byte.is_ascii_digit())
        && epoch.parse::<i32>().is_ok()
        && upstream.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && upstream.bytes().all(allowed)
        && !revision.is_empty()
        && revision.bytes().all(|byte| byte != b':' && allowed(byte))
}

#[cfg(test)]
mod tests;
