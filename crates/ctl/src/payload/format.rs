//! What a file is, by its first bytes: names lie.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::CtlError;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Compressed by gzip.
    Gzip,
    /// Compressed by zstd.
    Zstd,
    /// A tar that is not compressed.
    Tar,
    /// A zip.
    Zip,
    /// None of these, so a package list or nothing of ours.
    Text,
}

impl Format {
    /// Looks at a file.
    pub(super) fn of(path: &Path) -> Result<Self, CtlError> {
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut start));
        read.map_err(|source| CtlError::File { path: path.to_owned(), source })?;
        match start.as_slice() {
            [] => refuse(path, "is empty"),
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [b'P', b'K', 3 | 5 | 7, 4 | 6 | 8, ..] => Ok(Self::Zip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => refuse(path, "is compressed by xz; devices know gzip and zstd"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => refuse(path, "is compressed by bzip2; devices know gzip and zstd"),
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => {
                refuse(path, "is a .deb; publish a list that names its package, or a folder with it and an install.sh")
            }
            other if other.get(TAR).is_some_and(|magic| magic == b"ustar") => Ok(Self::Tar),
            other if other.contains(&0) => refuse(path, "is no folder, no .tar.gz, no .zip and no package list"),
            _ => Ok(Self::Text),
        }
    }
}

fn refuse(path: &Path, problem: &str) -> Result<Format, CtlError> {
    Err(CtlError::Usage(format!("{} {problem}", path.display())))
}

/// Where a tar says that it is one.
const TAR: std::ops::Range<usize> = 257..262;

/// How many bytes tell.
const ENOUGH: u64 = 512;
