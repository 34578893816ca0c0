//! A look into an archive that is published as it is: whether it is whole, and what devices will not like. Whether they
//! take it is for them to say; here nobody is kept from publishing.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry};

use super::format::Format;
use super::name;
use crate::error::CtlError;

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// How many entries there are; none where nobody could look.
    pub(super) entries: Option<u64>,
    /// What devices will not like.
    pub(super) warnings: Vec<String>,
}

/// Reads an archive to its end.
pub(super) fn into(path: &Path, format: Format) -> Result<Look, CtlError> {
    let file = File::open(path).map_err(|source| CtlError::File { path: path.to_owned(), source })?;
    of(path, file, format)
}

fn of(path: &Path, file: impl Read, format: Format) -> Result<Look, CtlError> {
    let failed = Cell::new(false);
    let source = BufReader::with_capacity(BUFFER, Source { inner: file, failed: &failed });
    let looked = match format {
        Format::Gzip => look(MultiGzDecoder::new(source)),
        Format::Zstd => zstd::Decoder::with_buffer(source).and_then(look),
        Format::Tar => look(source),
        Format::Zip | Format::Text => return Ok(Look::default()),
    };
    looked.map_err(|error| {
        if failed.get() {
            return CtlError::File { path: path.to_owned(), source: error };
        }
        CtlError::Damaged(format!("{} is damaged or cut off: {error}; make it anew", path.display()))
    })
}

fn look(stream: impl Read) -> io::Result<Look> {
    let ended = Cell::new(false);
    let mut archive = Archive::new(Stream { inner: stream, ended: &ended });
    let (mut names, mut warnings, mut entries) = (BTreeSet::new(), Vec::new(), 0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        entries += 1;
        let own = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let again = !names.insert(name::tidy(&own)) && !entry.header().entry_type().is_dir();
        let problem = problem(&entry, &own).or(again.then_some("is there twice"));
        warnings.extend(problem.map(|problem| format!("{own} {problem}: devices will refuse this")));
        io::copy(&mut entry, &mut io::sink())?;
    }
    let without_end = ended.get();
    // What follows holds the checksum of the compression.
    let mut rest = Rest::default();
    let more = io::copy(&mut archive.into_inner(), &mut rest)?;
    // Cut off between two entries it looks whole but for its end: two blocks of zeros, one of which was read.
    if without_end || more < BLOCK {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar has no end"));
    }
    if rest.0 {
        warnings.push("something follows the end of the tar: devices will refuse this".to_owned());
    }
    warnings.extend(name::script_problem(names.iter().map(String::as_str)));
    Ok(Look { entries: Some(entries), warnings: shortened(warnings) })
}

fn problem<R: Read>(entry: &Entry<'_, R>, own: &str) -> Option<&'static str> {
    let kind = entry.header().entry_type();
    if let Some(problem) = name::problem(own) {
        Some(problem)
    } else if kind.is_symlink() {
        let target = entry.link_name_bytes().unwrap_or_default();
        name::link_problem(own, &String::from_utf8_lossy(&target))
    } else if kind.is_hard_link() {
        Some("is a hard link; pack with `tar --hard-dereference`")
    } else if kind.is_dir() || kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
        None
    } else {
        Some("is no file, no folder and no link")
    }
}

/// A thousand of the same kind help nobody.
fn shortened(mut warnings: Vec<String>) -> Vec<String> {
    if let Some(more) = warnings.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        warnings.truncate(MOST_WARNINGS);
        warnings.push(format!("and {more} more of these"));
    }
    warnings
}

/// The file, which remembers that it could not be read: that says nothing of what is in it.
struct Source<'a, R> {
    inner: R,
    failed: &'a Cell<bool>,
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.failed.set(true);
        }
        read
    }
}

/// The tar, which remembers that there was no more of it.
struct Stream<'a, R> {
    inner: R,
    ended: &'a Cell<bool>,
}

impl<R: Read> Read for Stream<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.ended.set(true);
        }
        Ok(read)
    }
}

/// Whether anything but zeros came.
#[derive(Default)]
struct Rest(bool);

impl io::Write for Rest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 |= bytes.iter().any(|byte| *byte != 0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const BUFFER: usize = 64 * 1024;

/// What a tar is made of.
const BLOCK: u64 = 512;

const MOST_WARNINGS: usize = 10;
