//! Our own program as apt's hook runs it: a copy of the one that is running now.
//!
//! An update of the agent itself replaces the program's file. By its old path the hook would run the new program,
//! which may be the very thing that is broken, while the way back is taken.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use belay_protocol::Failure;

use crate::host::disk::{self, Attributes};

use super::config;

/// The copy's name in the work folder.
const NAME: &str = "belay-agent";

/// Copies `program` into the work folder where it is not there yet, and returns the copy. Where there is no room for
/// it, the program itself is used, as long as it still has a path.
pub(super) fn keep(program: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let copy = work.join(NAME);
    match place(program, &copy) {
        Ok(()) => Ok(copy),
        Err(failure) => {
            let itself = std::fs::canonicalize(program).ok().filter(|path| config::can_carry(path)).ok_or(failure)?;
            tracing::warn!("no copy of this program could be kept for apt's hook; {} is run itself", itself.display());
            Ok(itself)
        }
    }
}

/// The same at a path of the caller's.
pub(in crate::host) fn place(program: &Path, copy: &Path) -> Result<(), Failure> {
    if is_same(program, copy).unwrap_or(false) {
        return Ok(());
    }
    disk::make_open_folder(copy.parent().unwrap_or(Path::new("/")))?;
    let mut source = File::open(program).map_err(|error| disk::failure("read", program, &error))?;
    disk::place(copy, Attributes::mode(0o755), |file| {
        io::copy(&mut source, file).map(drop).map_err(|error| disk::failure("copy this program to", copy, &error))
    })
}

/// Whether the copy is a regular file that can be run and has the same content, byte for byte.
fn is_same(program: &Path, copy: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let (one, other) = (File::open(program)?, disk::open_regular(copy, false)?);
    let found = other.metadata()?;
    if found.len() != one.metadata()?.len() || found.permissions().mode() & 0o7777 != 0o755 {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests;
