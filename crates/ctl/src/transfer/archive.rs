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
    /// The digests of its pieces; none where it does not lie here.
    pub(super) pieces: Vec<Sha256>,
    /// How many bytes each of them has, but for the last.
    pub(super) piece: u64,
}

impl Archive {
    /// One that only the server has so far.
    pub(crate) fn elsewhere(name: String, sha256: Sha256, size: u64) -> Self {
        Self { name, sha256, size, pieces: Vec::new(), piece: PIECE }
    }
}

/// Reads an archive for its digest, its size and the digests of its pieces.
pub(crate) fn look_at(path: &Path, output: &Output) -> Result<Archive, CtlError> {
    cut(path, MOST_PIECES, output)
}

fn cut(path: &Path, most: u64, output: &Output) -> Result<Archive, CtlError> {
    let failed = |source| CtlError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let (bar, piece) = (bar(length, "reading", output), piece_of(length, most));
    let (mut hash, mut size, mut pieces) = (sha2::Sha256::new(), 0, Vec::new());
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = Read::by_ref(&mut file).take(piece).read_to_end(&mut bytes).map_err(failed)? as u64;
        if read == 0 {
            break;
        }
        hash.update(&bytes);
        pieces.push(digest(&bytes));
        size += read;
        bar.inc(read);
    }
    bar.finish_and_clear();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Archive { name, sha256: Sha256::from_bytes(hash.finalize().into()), size, pieces, piece })
}

/// How many bytes each of at most so many pieces has. It follows from the size alone, so that whoever comes again cuts
/// alike and finds what is there.
fn piece_of(size: u64, most: u64) -> u64 {
    let mut piece = PIECE;
    while size.div_ceil(piece) > most {
        piece *= 2;
    }
    piece
}

pub(super) fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

/// How many bytes a piece has at least: few enough that a cut costs little, enough that asking costs little.
const PIECE: u64 = 8 * 1024 * 1024;

/// How many pieces the server puts together.
const MOST_PIECES: u64 = 5_000;

#[cfg(test)]
mod tests;
