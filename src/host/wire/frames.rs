//! A bundle's bytes over the host's socket: frames of a length and so many bytes.
//!
//! Three lengths are no lengths: `END`, `BROKEN` with a failure behind it, and `ALIVE`, because a daemon that waits for the
//! network is not one that died.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_protocol::{Failure, Reason};

use super::{Reply, receive, send};
use crate::host::Content;
use crate::telemetry::notify;

/// The content is whole.
const END: u32 = 0;

/// The content broke off; a line with the failure follows.
const BROKEN: u32 = u32::MAX;

/// Nothing came yet.
const ALIVE: u32 = u32::MAX - 1;

/// The most bytes of a frame.
const LARGEST: usize = 64 * 1024;

/// So many frames, a few megabytes, come within the watchdog's time on any network that brings a bundle at all; one that
/// brings nothing sends `ALIVE` instead, and those are few.
const FRAMES_A_FEED: u32 = 4;

/// How often a daemon that waits for the network says that it is there.
const ALIVE_EVERY: Duration = Duration::from_secs(60);

/// Sends all that `content` gives, then its end or why it broke off.
///
/// # Errors
/// The host does not take any more. What went wrong with the content is told to it and is no error here.
pub fn send_content(stream: &UnixStream, content: &mut dyn Content) -> io::Result<()> {
    send_with(stream, content, ALIVE_EVERY)
}

fn send_with(stream: &UnixStream, content: &mut dyn Content, alive_every: Duration) -> io::Result<()> {
    let alone = Mutex::new(());
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let ended = ended;
            while ended.recv_timeout(alive_every) == Err(RecvTimeoutError::Timeout) {
                // Whoever sends the content hears of a host that is gone.
                let _ = write(stream, &alone, ALIVE, &[]);
            }
        });
        let sent = send_frames(stream, content, &alone);
        drop(done);
        sent
    })
}

fn send_frames(stream: &UnixStream, content: &mut dyn Content, alone: &Mutex<()>) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return write(stream, alone, END, &[]),
            Ok(count) => write(stream, alone, u32::try_from(count).unwrap_or(END), &buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let mut line = Vec::new();
                send(&mut line, &failure_in(&error))?;
                return write(stream, alone, BROKEN, &line);
            }
        }
    }
}

fn write(mut stream: &UnixStream, alone: &Mutex<()>, length: u32, bytes: &[u8]) -> io::Result<()> {
    let _alone: MutexGuard<'_, ()> = alone.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(bytes)
}

/// The failure that an error carries, else one made of it.
fn failure_in(error: &io::Error) -> Failure {
    let carried = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>());
    carried.cloned().unwrap_or_else(|| Failure::new(Reason::FetchFailed, format!("the bundle broke off: {error}")))
}

/// The host's end: asks for the content when it is first read.
#[derive(Debug)]
pub struct FrameReader {
    read: BufReader<UnixStream>,
    write: UnixStream,
    asked: bool,
    /// Bytes of this frame that are still to come.
    left: usize,
    ended: bool,
    frames: u32,
}

impl FrameReader {
    /// Frames that come by `read` once they are asked for by `write`.
    pub fn new(read: BufReader<UnixStream>, write: UnixStream) -> Self {
        Self { read, write, asked: false, left: 0, ended: false, frames: 0 }
    }

    /// What comes in is work that goes on.
    fn feed(&mut self) {
        self.frames = self.frames.wrapping_add(1);
        if self.frames.is_multiple_of(FRAMES_A_FEED) {
            notify::at_work();
        }
    }

    /// Goes on to the next frame that has bytes, or to the end.
    fn next(&mut self) -> io::Result<()> {
        while self.left == 0 && !self.ended {
            let mut length = [0; 4];
            self.read.read_exact(&mut length)?;
            self.feed();
            match u32::from_be_bytes(length) {
                END => self.ended = true,
                ALIVE => {}
                BROKEN => {
                    let failure: Option<Failure> = receive(&mut self.read)?;
                    let failure = failure.ok_or(io::ErrorKind::UnexpectedEof)?;
                    return Err(io::Error::other(failure));
                }
                length => {
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    if length > LARGEST {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
                    }
                    self.left = length;
                }
            }
        }
        Ok(())
    }
}

impl Read for FrameReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if !self.asked {
            send(&mut self.write, &Reply::Send)?;
            self.asked = true;
        }
        self.next()?;
        if self.ended {
            return Ok(0);
        }
        let available = self.read.fill_buf()?;
        if available.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon went away"));
        }
        let count = available.len().min(self.left).min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.read.consume(count);
        self.left -= count;
        Ok(count)
    }
}

impl Content for FrameReader {
    /// The daemon begins again by another call.
    fn begin_again(&mut self) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        // A daemon that still sends hears at once that nobody listens, and then reads the answer.
        let _ = self.read.get_ref().shutdown(Shutdown::Read);
    }
}

#[cfg(test)]
mod tests;
