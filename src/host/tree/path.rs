//! A path below the root, of any bytes, that can be written as JSON and read back.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A path below the root without a leading slash, or the target of a link as it is written. Bytes that are no UTF-8
/// are written as `\xNN`, and a backslash as `\\`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct TreePath(PathBuf);

impl TreePath {
    /// Wraps a path relative to the root, or a link's target.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// As a path relative to the root.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Whether this is `folder` or lies in it.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.starts_with(&folder.0)
    }

    /// Where it lies on the disk. Fails where the path would lead out of the root: an altered manifest must not make
    /// root write elsewhere.
    pub fn under(&self, root: &Path) -> Option<PathBuf> {
        let plain = self.0.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        (plain && !self.0.as_os_str().is_empty()).then(|| root.join(&self.0))
    }
}

impl From<&str> for TreePath {
    fn from(path: &str) -> Self {
        Self(PathBuf::from(path))
    }
}

impl From<String> for TreePath {
    fn from(text: String) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            let (byte, length) = match (first, tail) {
                (b'\\', [b'\\', ..]) => (b'\\', 2),
                (b'\\', [b'x', high, low, ..]) => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => (high * 16 + low, 4),
                    _ => (*first, 1),
                },
                _ => (*first, 1),
            };
            bytes.push(byte);
            rest = &rest[length..];
        }
        Self(PathBuf::from(OsString::from_vec(bytes)))
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> Self {
        let mut text = Self::new();
        for chunk in OsStr::as_bytes(path.0.as_os_str()).utf8_chunks() {
            text.push_str(&chunk.valid().replace('\\', "\\\\"));
            text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        }
        text
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.display())
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
