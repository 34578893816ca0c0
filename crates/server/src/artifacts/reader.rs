//! An artifact on its way out: in large chunks, because that halves the processor's work, and with a bound on what all
//! readers hold together, because some of them never read on.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, TryStreamExt};

use super::intake::blocking;

/// How many bytes of artifacts are in memory, and a few buffers to use again: fresh memory from the kernel costs as much
/// as reading into it.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    held: AtomicUsize,
    spare: Mutex<Vec<Vec<u8>>>,
}

/// A chunk that is counted for as long as it lives.
struct Chunk {
    bytes: Vec<u8>,
    counted: usize,
    chunks: Arc<Chunks>,
}

impl Chunks {
    /// A chunk to fill: a large one while there is room for it, a small one where many readers are slow.
    fn lease(self: &Arc<Self>, left: u64) -> Chunk {
        let size = if self.held.load(Relaxed) + LARGE <= BUDGET { LARGE } else { SMALL };
        let size = usize::try_from(left).unwrap_or(size).min(size);
        self.held.fetch_add(size, Relaxed);
        let spare = if size == LARGE { self.spare().pop() } else { None };
        let bytes = spare.unwrap_or_else(|| Vec::with_capacity(size));
        Chunk { bytes, counted: size, chunks: Arc::clone(self) }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes all readers hold.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.chunks.held.fetch_sub(self.counted, Relaxed);
        if self.bytes.capacity() >= LARGE {
            let mut spare = self.chunks.spare();
            if spare.len() < SPARE {
                self.bytes.clear();
                spare.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

/// Reads a part of a file, chunk after chunk, as fast as it is asked for.
pub(super) fn read(file: File, range: Range<u64>, chunks: Arc<Chunks>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, range), move |(file, range)| {
        let chunks = Arc::clone(&chunks);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let chunk = chunks.lease(range.end - range.start);
            blocking(move || fill(file, range, chunk).map(Some)).await
        }
    })
}

/// What a store sends that is not on this machine.
pub(super) fn foreign(
    stream: BoxStream<'static, object_store::Result<Bytes>>,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream.map_err(io::Error::other)
}

fn fill(mut file: File, range: Range<u64>, mut chunk: Chunk) -> io::Result<(Bytes, (File, Range<u64>))> {
    file.seek(SeekFrom::Start(range.start))?;
    let wanted = chunk.counted as u64;
    let read = Read::by_ref(&mut file).take(wanted).read_to_end(&mut chunk.bytes)? as u64;
    if read < wanted {
        // Whoever reads must not take half an artifact for a whole one.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((Bytes::from_owner(chunk), (file, range.start + read..range.end)))
}

const LARGE: usize = 256 * 1024;
const SMALL: usize = 16 * 1024;
/// How many large buffers are kept for the next.
const SPARE: usize = 8;
/// Up to here readers get large chunks: 256 fast readers at once.
const BUDGET: usize = 64 * 1024 * 1024;
