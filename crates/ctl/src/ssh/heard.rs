//! What a machine says over ssh: whether its shell was reached at all, and no more than this program can keep.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Standard output of a command there. What the machine says before it, such as a greeting, is not the command's.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    has_begun: bool,
}

impl Answer {
    /// The command line that says that it begins, in words of every shell.
    pub(super) fn begun_by(command: &str) -> String {
        format!("echo {MARK}; {command}")
    }

    /// Whether the shell was reached.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Reads to the end; the first of it is kept.
    pub(super) async fn listen(&mut self, stream: Option<impl AsyncRead + Unpin>) -> io::Result<()> {
        chunks(stream, |more| self.take(more)).await
    }

    fn take(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        if !self.has_begun {
            let mark = format!("{MARK}\n").into_bytes();
            let at = self.bytes.windows(mark.len()).position(|window| window == mark);
            self.has_begun = at.is_some();
            // Half of the mark may have come.
            let past = at.map_or((self.bytes.len() + 1).saturating_sub(mark.len()), |at| at + mark.len());
            self.bytes.drain(..past);
        }
        self.bytes.truncate(MOST);
    }

    /// What was said.
    pub(super) fn text(&self) -> String {
        if self.has_begun { String::from_utf8_lossy(&self.bytes).into_owned() } else { String::new() }
    }
}

/// Standard error: of that the end counts.
#[derive(Debug, Default)]
pub(super) struct Complaint(Vec<u8>);

impl Complaint {
    /// Reads to the end; the last of it is kept.
    pub(super) async fn listen(&mut self, stream: Option<impl AsyncRead + Unpin>) -> io::Result<()> {
        chunks(stream, |more| self.take(more)).await
    }

    fn take(&mut self, more: &[u8]) {
        self.0.extend_from_slice(more);
        let over = self.0.len().saturating_sub(MOST);
        self.0.drain(..over);
    }

    /// What was said.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

async fn chunks(stream: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            read => take(&chunk[..read]),
        }
    }
}

/// The line that a command says first.
const MARK: &str = "belay-reached";

/// How much is kept of what a machine says, in bytes.
const MOST: usize = 256 * 1024;

/// How much is read at once, in bytes.
const CHUNK: usize = 8 * 1024;

#[cfg(test)]
mod tests;
