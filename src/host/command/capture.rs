//! Reads what a child says: threads that forward it, and a store that keeps its head and its tail.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::SyncSender;

/// Something that a child said.
pub(super) enum Event {
    /// On its standard output.
    Out(Vec<u8>),
    /// On its standard error.
    Err(Vec<u8>),
    /// A line on its status descriptor.
    Status(String),
}

/// Forwards a stream in pieces until it is closed.
pub(super) fn bytes(stream: Option<impl Read + Send + 'static>, wrap: fn(Vec<u8>) -> Event, sender: SyncSender<Event>) {
    let Some(mut stream) = stream else { return };
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 || sender.send(wrap(buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Forwards a stream line by line until it is closed; an overlong line is cut.
pub(super) fn lines(stream: impl Read + Send + 'static, sender: SyncSender<Event>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(Event::Status(text)).is_err() {
                return;
            }
        }
    });
}

/// The first and the last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Kept {
    /// Adds bytes; those in the middle go when there are too many.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// Whether nothing was dropped.
    pub(super) fn is_complete(&self) -> bool {
        self.dropped == 0
    }

    /// Everything that was kept, with a mark where something is missing.
    pub(super) fn into_text(self) -> String {
        let mut bytes = self.head;
        if self.dropped > 0 {
            bytes.extend(format!("\n[{} bytes left out]\n", self.dropped).into_bytes());
        }
        bytes.extend(self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Enough for apt's simulation of 5,000 packages.
const HEAD: usize = 4 << 20;
const TAIL: usize = 256 << 10;
const MAX_LINE: u64 = 64 << 10;
