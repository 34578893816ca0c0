//! An archive as it lies here: its digest, and those of its pieces.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use belay_protocol::Sha256;
use sha2::Digest;

use super::bar;
use crate::error::CtlError;
use crate::output::Output;

/// An archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// The name of its file.
    pub(crate) name: String,
    /// Its digest.
    pub(crate) sha256: Sha256,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// The digests of its pieces, of [`PIECE`] bytes but for the last; none where it does not lie here.
    pub(super) pieces: Vec<Sha256>,
}

impl Archive {
    /// One that only the server has so far.
    pub(crate) fn elsewhere(name: String, sha256: Sha256, size: u64) -> Self {
        Self { name, sha256, size, pieces: Vec::new() }
    }
}

/// Reads an archive for its digest, its size and the digests of its pieces.
pub(crate) fn look_at(path: &Path, output: &Output) -> Result<Archive, CtlError> {
    let failed = |source| CtlError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let bar = bar(file.metadata().map_err(failed)?.len(), "reading", output);
    let (mut hash, mut size, mut pieces) = (sha2::Sha256::new(), 0, Vec::new());
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let read = Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece).map_err(failed)? as u64;
        if read == 0 {
            break;
        }
        hash.update(&piece);
        pieces.push(digest(&piece));
        size += read;
        bar.inc(read);
    }
    bar.finish_and_clear();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Archive { name, sha256: Sha256::from_bytes(hash.finalize().into()), size, pieces })
}

pub(super) fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

/// How many bytes a piece has: few enough that a cut costs little, enough that asking costs little.
pub(super) const PIECE: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests;
