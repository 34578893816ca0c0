//! A look into an archive that is published as it is: whether it is whole, and what devices will not like. Whether they
//! take it is for them to say; here nobody is kept from publishing.

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
    let file = BufReader::with_capacity(BUFFER, file);
    let looked = match format {
        Format::Gzip => look(MultiGzDecoder::new(file)),
        Format::Tar => look(file),
        // Unpacking those needs a library that is larger than all of this program's own code.
        Format::Zstd | Format::Zip | Format::Text => return Ok(Look::default()),
    };
    looked
        .map_err(|error| CtlError::Damaged(format!("{} is damaged or cut off: {error}; make it anew", path.display())))
}

fn look(stream: impl Read) -> io::Result<Look> {
    let mut archive = Archive::new(stream);
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
    // What follows holds the checksum of the compression.
    let mut rest = Rest::default();
    io::copy(&mut archive.into_inner(), &mut rest)?;
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

const MOST_WARNINGS: usize = 10;
