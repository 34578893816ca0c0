//! Makes the disks: one that grows along the log, and from it a copy for each cut.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::command::{command, run};
use crate::cuts::{Cut, Fate, Kind, fates};
use crate::log::{Deed, Entry, Log, SECTOR};
use crate::story::Recording;

/// A disk on which the first entries of a log have been carried out.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: File,
    before: PathBuf,
    applied: usize,
}

impl Disk {
    /// The disk as it was before the first entry, in a file of its own.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn new(recording: &Recording, path: &Path) -> Result<Self, String> {
        copy(&recording.before(), path)?;
        Ok(Self { file: open(path)?, path: path.to_owned(), before: recording.before(), applied: 0 })
    }

    /// Carries out the first so many entries and no others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn advance_to(&mut self, log: &Log, count: usize) -> Result<(), String> {
        if count < self.applied {
            copy(&self.before, &self.path)?;
            self.file = open(&self.path)?;
            self.applied = 0;
        }
        for entry in &log.entries()[self.applied..count] {
            apply(&self.file, log, entry, &Fate::Kept).map_err(|error| format!("cannot replay the log: {error}"))?;
        }
        self.applied = count;
        Ok(())
    }

    /// Makes the disk that a cut leaves behind, at another place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cut(&mut self, log: &Log, cut: &Cut, seed: u64, path: &Path) -> Result<(), String> {
        match cut.kind {
            Kind::Boundary => {
                self.advance_to(log, cut.gap.entries.end)?;
                copy(&self.path, path)
            }
            Kind::Subset => {
                self.advance_to(log, cut.gap.entries.start)?;
                copy(&self.path, path)?;
                let file = open(path)?;
                let entries = &log.entries()[cut.gap.entries.clone()];
                let write = |(entry, fate): (&Entry, &Fate)| apply(&file, log, entry, fate);
                entries
                    .iter()
                    .zip(&fates(entries, seed, cut.index))
                    .try_for_each(write)
                    .map_err(|error| format!("cannot replay the log: {error}"))
            }
        }
    }

    /// Tells whether it has the same bytes as another one.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn equals(&self, other: &Path) -> Result<bool, String> {
        let told =
            |error: io::Error| format!("cannot compare {} with {}: {error}", self.path.display(), other.display());
        let (mut ours, mut theirs) = (&self.file, File::open(other).map_err(told)?);
        ours.rewind().map_err(told)?;
        let (mut one, mut two) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        loop {
            let length = ours.read(&mut one).map_err(told)?;
            if length == 0 {
                return Ok(theirs.read(&mut two).map_err(told)? == 0);
            }
            match theirs.read_exact(&mut two[..length]) {
                Ok(()) if one[..length] == two[..length] => {}
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(told(error)),
            }
        }
    }

    /// Copies it as it is now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), String> {
        copy(&self.path, path)
    }
}

/// Carries out what is left of one entry.
fn apply(file: &File, log: &Log, entry: &Entry, fate: &Fate) -> io::Result<()> {
    let at = entry.sector * SECTOR;
    let whole = match (entry.deed, fate) {
        (Deed::Flush | Deed::Mark, _) | (_, Fate::Lost) => return Ok(()),
        (Deed::Write { .. }, Fate::Kept | Fate::Torn(_)) => log.data_of(entry)?,
        (Deed::Discard, Fate::Kept | Fate::Torn(_)) => {
            vec![0; usize::try_from(entry.sectors * SECTOR).map_err(io::Error::other)?]
        }
    };
    match fate {
        Fate::Kept => file.write_all_at(&whole, at),
        Fate::Lost => Ok(()),
        Fate::Torn(sectors) => sectors.iter().try_for_each(|sector| {
            let from = usize::try_from(sector * SECTOR).map_err(io::Error::other)?;
            let sector_of_data = whole.get(from..from + 512).ok_or(io::ErrorKind::UnexpectedEof)?;
            file.write_all_at(sector_of_data, at + sector * SECTOR)
        }),
    }
}

fn open(path: &Path) -> Result<File, String> {
    let file = File::options().read(true).write(true).open(path);
    file.map_err(|error| format!("cannot open {}: {error}", path.display()))
}

/// Copies a file with its holes.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let _ = fs::remove_file(to);
    run(command("cp").arg("--sparse=auto").arg(from).arg(to)).map(drop)
}

#[cfg(test)]
mod tests;
