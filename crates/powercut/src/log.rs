//! Reads the log that qemu's `blklogwrites` driver writes: every write, flush and discard of a disk, in order.
//!
//! The format is that of Linux's dm-log-writes: a super block, then entries of one header sector and their data.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The log's and the disk's unit.
pub const SECTOR: u64 = 512;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

/// What the disk was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Some sectors; `durable` ones are on the disk when the disk says so, without a flush.
    Write {
        /// Written through.
        durable: bool,
    },
    /// Sectors that are nobody's any more; they read as zeroes.
    Discard,
    /// Everything that was written before is on the disk now.
    Flush,
    /// A note of whoever made the log.
    Mark,
}

/// One request to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub deed: Deed,
    /// The first sector of the disk.
    pub sector: u64,
    /// How many sectors.
    pub sectors: u64,
    /// Where in the log its data lies, in bytes.
    pub data: u64,
    /// Where in the log the entry ends, in bytes: the log was so long when it had been asked for.
    pub end: u64,
}

/// A log that is there as a whole, or that is still being written.
#[derive(Debug)]
pub struct Log {
    file: File,
    entries: Vec<Entry>,
}

impl Log {
    /// Reads the entries that are complete.
    ///
    /// # Errors
    /// When it cannot be read or is no such log.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut read = |at: u64, into: &mut [u8]| file.read_exact_at(into, at);
        let entries = parse(length, &mut read)?;
        Ok(Self { file, entries })
    }

    /// All entries, in the order of the log.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads what an entry wrote.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn data_of(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut data = vec![0; usize::try_from(entry.sectors * SECTOR).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut data, entry.data)?;
        Ok(data)
    }
}

/// Parses a log of that many bytes; `read` fills a buffer from a place in it. An entry that is not there as a whole ends
/// the log.
///
/// # Errors
/// When it cannot be read or is no such log.
pub fn parse(length: u64, read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>) -> io::Result<Vec<Entry>> {
    let mut head = [0; 28];
    read(0, &mut head)?;
    let sector_size = u32::from_le_bytes([head[24], head[25], head[26], head[27]]);
    if word(&head, 0) != MAGIC || word(&head, 1) != 1 || u64::from(sector_size) != SECTOR {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no log of writes in sectors of 512 bytes"));
    }
    let (mut at, mut entries) = (SECTOR, Vec::new());
    while at + SECTOR <= length {
        let mut header = [0; 32];
        read(at, &mut header)?;
        let (sector, sectors, flags) = (word(&header, 0), word(&header, 1), word(&header, 2));
        let deed = deed_of(flags, sectors).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("flags {flags:#x} at byte {at} of the log"))
        })?;
        let data = at + SECTOR;
        let stored = match deed {
            Deed::Write { .. } => sectors * SECTOR,
            Deed::Mark => word(&header, 3).next_multiple_of(SECTOR),
            Deed::Discard | Deed::Flush => 0,
        };
        if data + stored > length {
            break;
        }
        at = data + stored;
        entries.push(Entry { deed, sector, sectors, data, end: at });
    }
    Ok(entries)
}

fn deed_of(flags: u64, sectors: u64) -> Option<Deed> {
    match flags {
        FLUSH if sectors == 0 => Some(Deed::Flush),
        0 => Some(Deed::Write { durable: false }),
        FUA => Some(Deed::Write { durable: true }),
        DISCARD => Some(Deed::Discard),
        MARK => Some(Deed::Mark),
        // A flush that carries data would have to be split in two; qemu sends none.
        _ => None,
    }
}

fn word(bytes: &[u8], index: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
