//! The archive as a stream: hashed and counted as it arrives, inflated, counted again.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use belay_protocol::{Failure, Reason, Sha256};
use flate2::bufread::MultiGzDecoder;
use sha2::Digest;

use super::{Limits, RATIO_FREE};

/// What has gone through the stream so far, and why it was ended.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    hasher: RefCell<sha2::Sha256>,
    compressed: Cell<u64>,
    inflated: Cell<u64>,
    /// Bytes that may come before the next entry is known; none while an entry's content is read.
    headers: Cell<Option<u64>>,
    failure: RefCell<Option<Failure>>,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: RefCell::default(),
            compressed: Cell::new(0),
            inflated: Cell::new(0),
            headers: Cell::new(None),
            failure: RefCell::new(None),
        }
    }

    /// From here on only headers may come: what describes one entry is held in memory, so it is bounded.
    pub(super) fn expect_headers(&self) {
        self.headers.set(Some(LONGEST_HEADERS));
    }

    /// From here on an entry's content may come.
    pub(super) fn expect_content(&self) {
        self.headers.set(None);
    }

    /// The digest and the number of bytes of what came.
    pub(super) fn measured(&self) -> (Sha256, u64) {
        (Sha256::from_bytes(self.hasher.borrow().clone().finalize().into()), self.compressed.get())
    }

    /// Holds what was unpacked so far to the archive's own size.
    pub(super) fn hold_to_ratio(&self, unpacked: u64) -> Result<(), Failure> {
        if unpacked <= RATIO_FREE || unpacked / self.limits.ratio.max(1) <= self.compressed.get() {
            return Ok(());
        }
        let ratio = self.limits.ratio;
        let message = format!(
            "the archive unpacks to more than {ratio} times its own size; it looks made to fill the disk. Where that is \
             meant, raise bundle.max_ratio on the device"
        );
        Err(Failure::new(Reason::UnpackRatio, message))
    }

    /// Why reading failed: what ended the stream, else the archive itself is wrong.
    pub(super) fn judge(&self, error: &io::Error) -> Failure {
        if let Some(failure) = self.failure.borrow().clone() {
            return failure;
        }
        let text = error.to_string();
        let message = if text.contains("too much memory") {
            "the archive was packed by zstd with a window of more than 8 MiB, which takes more memory than the device \
             gives; pack it without `zstd --long` and `--ultra`"
                .to_owned()
        } else {
            format!("the archive is damaged: {text}; fetch or pack it anew, as tar with gzip or zstd")
        };
        Failure::new(Reason::UnpackCorrupt, message)
    }

    fn fail(&self, failure: Failure) -> io::Error {
        self.failure.borrow_mut().get_or_insert(failure);
        ended()
    }

    fn arrived(&self, bytes: &[u8]) {
        self.hasher.borrow_mut().update(bytes);
        self.compressed.set(self.compressed.get() + bytes.len() as u64);
    }

    fn inflated(&self, bytes: usize) -> io::Result<()> {
        let inflated = self.inflated.get() + bytes as u64;
        self.inflated.set(inflated);
        self.hold_to_ratio(inflated).map_err(|failure| self.fail(failure))?;
        let headers = self.limits.entries.saturating_mul(COMMON_HEADERS).saturating_add(LONGEST_HEADERS);
        if inflated > self.limits.bytes.saturating_add(headers) {
            return Err(self.fail(self.too_large()));
        }
        if let Some(left) = self.headers.get() {
            let left = left.checked_sub(bytes as u64);
            self.headers.set(Some(left.ok_or_else(|| {
                io::Error::other(format!("what describes one entry takes more than {LONGEST_HEADERS} bytes"))
            })?));
        }
        Ok(())
    }

    /// The refusal of an archive that unpacks to too much.
    pub(super) fn too_large(&self) -> Failure {
        let message = format!(
            "the archive unpacks to more than {} bytes; make it smaller, or raise bundle.max_mb on the device",
            self.limits.bytes
        );
        Failure::new(Reason::UnpackTooLarge, message)
    }
}

/// Finds out how `content` is compressed, and gives what it inflates to.
pub(super) fn open<'a>(content: &'a mut dyn Read, meter: &Rc<Meter>) -> io::Result<Box<dyn Read + 'a>> {
    let mut source = BufReader::with_capacity(BUFFER, Source { content, meter: Rc::clone(meter) });
    let mut magic = Vec::new();
    source.by_ref().take(LONGEST_MAGIC).read_to_end(&mut magic)?;
    let format = Format::of(&magic)?;
    let whole = Cursor::new(magic).chain(source);
    let inner: Box<dyn Read + 'a> = match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Format::Zstd => zstd_decoder(whole)?,
        Format::Plain => Box::new(whole),
    };
    Ok(Box::new(Inflated { inner, meter: Rc::clone(meter) }))
}

/// Reads what follows the end of the tar, to the end of the file: padding, and the checksums of the compression.
pub(super) fn finish(stream: &mut dyn Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut padding = 0;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        padding += read as u64;
        if padding > LONGEST_PADDING || buffer[..read].iter().any(|byte| *byte != 0) {
            return Err(io::Error::other("something follows the end of the tar; other programs may unpack it"));
        }
    }
}

enum Format {
    Gzip,
    Zstd,
    Plain,
}

impl Format {
    fn of(magic: &[u8]) -> io::Result<Self> {
        let other = match magic {
            [] => "it is empty",
            [0x1f, 0x8b, ..] => return Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Ok(Self::Zstd),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => "it is a zip",
            [0xfd, b'7', b'z', b'X', b'Z', 0] => "it is compressed by xz",
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => "it is compressed by bzip2",
            _ => return Ok(Self::Plain),
        };
        Err(io::Error::other(other))
    }
}

fn zstd_decoder<'a>(whole: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
    decoder.window_log_max(LARGEST_WINDOW_LOG)?;
    Ok(Box::new(decoder))
}

/// What arrives: hashed and counted. After it failed once it fails for ever.
struct Source<'a> {
    content: &'a mut dyn Read,
    meter: Rc<Meter>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.failure.borrow().is_some() {
            return Err(ended());
        }
        loop {
            match self.content.read(buffer) {
                Ok(read) => {
                    self.meter.arrived(&buffer[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.meter.fail(Failure::new(Reason::FetchFailed, error.to_string()))),
            }
        }
    }
}

/// What it inflates to: counted.
struct Inflated<'a> {
    inner: Box<dyn Read + 'a>,
    meter: Rc<Meter>,
}

impl Read for Inflated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.inflated(read)?;
        Ok(read)
    }
}

fn ended() -> io::Error {
    io::Error::other("the stream was ended")
}

const BUFFER: usize = 64 * 1024;

const LONGEST_MAGIC: u64 = 6;

/// 8 MiB: what zstd needs to inflate up to its level 19.
const LARGEST_WINDOW_LOG: u32 = 23;

/// Bytes that headers of one entry may take: its own, long names, extended attributes, the map of a sparse file.
const LONGEST_HEADERS: u64 = 1 << 20;

/// Bytes that headers and padding take for an entry on the average, generously.
const COMMON_HEADERS: u64 = 8 * 1024;

/// Bytes of zeros after the end of the tar: tar fills up its last record, of up to 1 MiB for tapes.
const LONGEST_PADDING: u64 = 1 << 20;
