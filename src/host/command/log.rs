//! A file that a child's output goes to while it runs, with its middle left out where that gets too long.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// Where in the file this child's output begins.
    start: u64,
    limit: u64,
    said: u64,
    tail: VecDeque<u8>,
}

impl Log {
    /// Opens or makes the file; what it holds stays.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let mut file = File::options().create(true).write(true).truncate(false).mode(0o600).open(path)?;
        let start = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, start, limit, said: 0, tail: VecDeque::new() })
    }

    /// Adds bytes. A disk that is full takes them from the log and nothing from the child.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.limit.saturating_sub(self.said)).unwrap_or(usize::MAX);
        let _ = self.file.write_all(&bytes[..bytes.len().min(room)]);
        self.said += bytes.len() as u64;
        self.tail.extend(bytes);
        let excess = self.tail.len().saturating_sub(self.half());
        self.tail.drain(..excess);
    }

    /// Writes the end of what was said behind its beginning, where it was too much.
    pub(super) fn finish(mut self) {
        if self.said <= self.limit {
            return;
        }
        let head = self.half() as u64;
        let left_out = self.said - head - self.tail.len() as u64;
        let _ = self.replace_end(head, &format!("\n[{left_out} bytes left out]\n"));
    }

    fn replace_end(&mut self, head: u64, mark: &str) -> io::Result<()> {
        self.file.set_len(self.start + head)?;
        self.file.seek(SeekFrom::Start(self.start + head))?;
        self.file.write_all(mark.as_bytes())?;
        self.file.write_all(self.tail.make_contiguous())
    }

    fn half(&self) -> usize {
        usize::try_from(self.limit / 2).unwrap_or(usize::MAX)
    }
}
