//! Two preallocated files that take turns holding snapshots of one value.
//!
//! A snapshot is a line, `sequence digest json`, appended behind the last one; when a file is full the other one
//! is begun anew. Space is written once, when the files are made, so a full disk cannot stop a later snapshot.
//! On reading, the valid line with the highest sequence wins. A last line cut short by a power cut is dropped
//! silently: its writer never heard that it was durable. Any other damage is copied aside and reported, and so is a
//! newest snapshot that is whole but that this version cannot read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{digest_of_bytes, sync_folder, write_atomic};

/// Two preallocated files that take turns holding snapshots of one value.
#[derive(Debug)]
pub struct Slots {
    name: &'static str,
    files: [File; 2],
    capacity: u64,
    active: usize,
    offset: u64,
    sequence: u64,
}

/// What went wrong with a slot file.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// A file could not be opened, read, written or synced.
    #[error("failed to {operation} {path}", path = path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The value is larger than a slot.
    #[error("a snapshot of {name} takes {size} bytes, a slot holds {capacity}")]
    TooLarge {
        /// Whose value.
        name: &'static str,
        /// The snapshot's size in bytes.
        size: u64,
        /// The slot's size in bytes.
        capacity: u64,
    },
    /// The value could not be written as JSON.
    #[error("failed to write a snapshot of {name} as JSON")]
    Encode {
        /// Whose value.
        name: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// What opening found.
#[derive(Debug)]
pub struct Opened<T> {
    /// The slots, ready for the next snapshot.
    pub slots: Slots,
    /// The newest value, where there is one.
    pub value: Option<T>,
    /// Damage that was set aside, one sentence each.
    pub damage: Vec<String>,
}

impl Slots {
    /// Opens or makes `<name>.0` and `<name>.1` in `folder`, each of `capacity` bytes.
    pub fn open<T: DeserializeOwned>(
        folder: &Path,
        name: &'static str,
        capacity: u64,
    ) -> Result<Opened<T>, SlotsError> {
        let path = |index: usize| folder.join(format!("{name}.{index}"));
        let files = [preallocated(&path(0), capacity)?, preallocated(&path(1), capacity)?];
        let contents = [read_all(&files[0], &path(0))?, read_all(&files[1], &path(1))?];
        let mut slots = Self { name, files, capacity, active: 0, offset: 0, sequence: 0 };
        let mut damage = Vec::new();
        let mut newest: Option<&[u8]> = None;
        for (index, content) in contents.iter().enumerate() {
            let scan = scan(content);
            if let Some(offset) = scan.damaged_at {
                let aside = set_aside(&path(index), content)?;
                damage.push(format!(
                    "{} was damaged at byte {offset}; a copy is kept as {}",
                    path(index).display(),
                    aside.display()
                ));
            }
            if let Some((sequence, json)) = scan.newest.filter(|(sequence, _)| *sequence >= slots.sequence) {
                newest = Some(json);
                slots.sequence = sequence;
                slots.active = index;
                slots.offset = if scan.damaged_at.is_some() { capacity } else { scan.end };
            }
        }
        let value = match newest.map(serde_json::from_slice).transpose() {
            Ok(value) => value,
            Err(error) => {
                // No older value takes its place: it would pass for the newest. What follows is numbered above this
                // one and goes into the other file first.
                let file = path(slots.active);
                let aside = set_aside(&file, &contents[slots.active])?;
                slots.offset = capacity;
                damage.push(format!(
                    "{} holds a snapshot that this version cannot read ({error}); a copy is kept as {}",
                    file.display(),
                    aside.display()
                ));
                None
            }
        };
        sync_folder(folder).map_err(|source| SlotsError::Io {
            operation: "sync",
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(Opened { slots, value, damage })
    }

    /// Makes `value` the newest snapshot, durably.
    pub fn persist<T: Serialize>(&mut self, value: &T) -> Result<(), SlotsError> {
        let json = serde_json::to_string(value).map_err(|source| SlotsError::Encode { name: self.name, source })?;
        let sequence = self.sequence + 1;
        let line = format!("{sequence} {} {json}\n", digest_of_bytes(format!("{sequence} {json}").as_bytes()));
        let size = line.len() as u64;
        if size > self.capacity {
            return Err(SlotsError::TooLarge { name: self.name, size, capacity: self.capacity });
        }
        let full = self.offset + size > self.capacity;
        let (active, offset) = if full { (1 - self.active, 0) } else { (self.active, self.offset) };
        self.write(active, offset, line.as_bytes()).map_err(|source| SlotsError::Io {
            operation: "write",
            path: PathBuf::from(format!("{}.{active}", self.name)),
            source,
        })?;
        (self.active, self.offset, self.sequence) = (active, offset + size, sequence);
        Ok(())
    }

    fn write(&self, active: usize, offset: u64, line: &[u8]) -> io::Result<()> {
        let file = &self.files[active];
        if offset == 0 {
            // Whole old lines behind a torn new one would read as damage. The other file holds the newest until this is done.
            self.clear(file)?;
            file.sync_data()?;
        }
        file.write_all_at(line, offset)?;
        file.sync_data()
    }

    /// Fills a file with zeros, a piece at a time: a small device has no room for a slot in memory.
    fn clear(&self, file: &File) -> io::Result<()> {
        let zeros = vec![0; PIECE];
        let mut at = 0;
        while at < self.capacity {
            let length = usize::try_from(self.capacity - at).unwrap_or(PIECE).min(PIECE);
            file.write_all_at(&zeros[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }
}

/// Keeps a copy of a slot file's content beside it.
fn set_aside(file: &Path, content: &[u8]) -> Result<PathBuf, SlotsError> {
    let mut aside = file.to_path_buf();
    aside.as_mut_os_string().push(".damaged");
    match write_atomic(&aside, content, 0o600) {
        Ok(()) => Ok(aside),
        Err(source) => Err(SlotsError::Io { operation: "set aside", path: aside, source }),
    }
}

struct Scan<'a> {
    newest: Option<(u64, &'a [u8])>,
    end: u64,
    damaged_at: Option<u64>,
}

/// Reads lines until the first zero byte or the first line that is not whole.
fn scan(content: &[u8]) -> Scan<'_> {
    let mut scan = Scan { newest: None, end: 0, damaged_at: None };
    let mut offset = 0;
    while offset < content.len() && content[offset] != 0 {
        let rest = &content[offset..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        match length.and_then(|length| parse_line(&rest[..length]).map(|line| (length, line))) {
            Some((length, line)) => {
                offset += length + 1;
                scan.end = offset as u64;
                scan.newest = Some(line);
            }
            None => {
                // A torn last line has nothing whole behind it; damage has.
                let later = rest.split(|byte| *byte == b'\n').skip(1).any(|line| parse_line(line).is_some());
                scan.damaged_at = later.then_some(offset as u64);
                if later {
                    scan.newest = rest
                        .split(|byte| *byte == b'\n')
                        .filter_map(parse_line)
                        .max_by_key(|line| line.0)
                        .or(scan.newest);
                }
                break;
            }
        }
    }
    scan
}

fn parse_line(line: &[u8]) -> Option<(u64, &[u8])> {
    let line_text = std::str::from_utf8(line).ok()?;
    let (sequence, rest) = line_text.split_once(' ')?;
    let (digest, json) = rest.split_once(' ')?;
    let expected = digest_of_bytes(format!("{sequence} {json}").as_bytes());
    if expected.to_string() != digest {
        return None;
    }
    Some((sequence.parse().ok()?, json.as_bytes()))
}

fn preallocated(path: &Path, capacity: u64) -> Result<File, SlotsError> {
    let io_error = |operation| move |source| SlotsError::Io { operation, path: path.to_path_buf(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io_error("open"))?;
    let length = file.metadata().map_err(io_error("read"))?.len();
    if length < capacity {
        // Written rather than only reserved: turning reserved blocks into written ones can need space of its own.
        file.seek(SeekFrom::Start(length)).map_err(io_error("write"))?;
        io::copy(&mut io::repeat(0).take(capacity - length), &mut file).map_err(io_error("write"))?;
        file.flush().and_then(|()| file.sync_all()).map_err(io_error("sync"))?;
    }
    Ok(file)
}

/// Reads a slot file up to the first piece in which nothing was ever written.
fn read_all(file: &File, path: &Path) -> Result<Vec<u8>, SlotsError> {
    let io_error = |source| SlotsError::Io { operation: "read", path: path.to_path_buf(), source };
    let mut content = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read_at(&mut piece, content.len() as u64).map_err(io_error)?;
        if piece[..length].iter().all(|byte| *byte == 0) {
            return Ok(content);
        }
        content.extend_from_slice(&piece[..length]);
    }
}

/// How much of a slot file is read or cleared at a time, in bytes.
const PIECE: usize = 64 << 10;
