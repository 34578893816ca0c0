//! Fetches an archive, and goes on where another attempt was.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::Sha256;
use belay_terminal::quantity::bytes;
use nix::libc::O_NOFOLLOW;
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use sha2::Digest;

use super::Archive;
use super::persistence::{Verdict, judge};
use super::waiting::Waiting;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;

/// Fetches an archive; it appears under its name once it is whole and right. What was cut off stays beside it, as `.part`,
/// and is gone on with.
pub(crate) async fn fetch(
    client: &Client,
    path: &[&str],
    archive: &Archive,
    to: &Path,
    output: &Output,
) -> Result<(), CtlError> {
    let mut waiting = Waiting::new(archive.size, "fetching", output);
    let mut part = Part::open(to)?;
    let before = part.read(archive.size)?;
    if before > 0 {
        waiting.start_at(before);
        waiting.tell(&format!("resumed at {}: so much of it is in {}", bytes(before), part.path.display()));
    }
    let mut done = carry_out(client, path, archive, &mut part, &mut waiting).await;
    if matches!(done, Err(CtlError::Damaged(_))) && before > 0 {
        // What was there may have been of another archive.
        waiting.tell("what was there does not belong to it, so it is fetched from its beginning");
        part.empty()?;
        done = carry_out(client, path, archive, &mut part, &mut waiting).await;
    }
    waiting.bar.finish_and_clear();
    match done {
        Ok(()) => part.keep(to),
        Err(error) => {
            part.leave(&error, &waiting);
            Err(error)
        }
    }
}

async fn carry_out(
    client: &Client,
    path: &[&str],
    archive: &Archive,
    part: &mut Part,
    waiting: &mut Waiting<'_>,
) -> Result<(), CtlError> {
    let etag = format!("\"{}\"", archive.sha256);
    while part.length < archive.size {
        waiting.start_at(part.length);
        let (error, after) = match client.open_from(path, part.length, &etag).await {
            Ok(Ok(response)) => match take(client, response, part, waiting).await {
                Ok(()) if part.length >= archive.size => break,
                Ok(()) => (cut_off(client), None),
                Err(error @ CtlError::Unreachable { .. }) => (error, None),
                Err(error) => return Err(error),
            },
            Ok(Err(reply)) => match judge(Ok(reply)) {
                Verdict::Again(error, after) => (error, after),
                Verdict::Refused(error) => return Err(error),
                Verdict::Granted => (cut_off(client), None),
            },
            Err(error) => (error, None),
        };
        waiting.wait(error, after).await?;
    }
    part.prove(archive)
}

/// Takes what the server sends, from where it says that it begins.
async fn take(
    client: &Client,
    mut response: Response,
    part: &mut Part,
    waiting: &mut Waiting<'_>,
) -> Result<(), CtlError> {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let continues = range.is_some_and(|range| range.starts_with(&format!("bytes {}-", part.length)));
    if response.status() != StatusCode::PARTIAL_CONTENT || !continues {
        part.empty()?;
        waiting.bar.set_position(0);
    }
    loop {
        let Ok(next) = tokio::time::timeout(STALL, client.next(&mut response)).await else {
            let problem = format!("nothing came for {} seconds", STALL.as_secs());
            return Err(CtlError::Unreachable { url: client.server().to_string(), problem });
        };
        let Some(piece) = next? else { return Ok(()) };
        part.append(&piece)?;
        waiting.bar.inc(piece.len() as u64);
        waiting.went_well();
    }
}

fn cut_off(client: &Client) -> CtlError {
    CtlError::Unreachable { url: client.server().to_string(), problem: "it ended before its end".to_owned() }
}

/// What arrived so far. Nobody else writes to it meanwhile.
struct Part {
    path: PathBuf,
    file: File,
    hash: sha2::Sha256,
    length: u64,
}

impl Part {
    fn open(to: &Path) -> Result<Self, CtlError> {
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).custom_flags(O_NOFOLLOW);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(_) if path.is_symlink() => {
                let problem = std::io::Error::other("it is a symbolic link, and what it points to stays; remove it");
                return Err(CtlError::Write { path, source: problem });
            }
            Err(source) => return Err(CtlError::Write { path, source }),
        };
        if file.try_lock().is_err() {
            let problem = std::io::Error::new(ErrorKind::ResourceBusy, "another belayctl is fetching into it");
            return Err(CtlError::Write { path, source: problem });
        }
        Ok(Self { path, file, hash: sha2::Sha256::new(), length: 0 })
    }

    /// Reads what is there of something with `size` bytes; how many that are. What is longer is none of it.
    fn read(&mut self, size: u64) -> Result<u64, CtlError> {
        let there = self.file.metadata().map_err(|source| self.failed(source))?.len();
        if there > size {
            self.empty()?;
            return Ok(0);
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            match self.file.read(&mut chunk).map_err(|source| self.failed(source))? {
                0 => return Ok(self.length),
                count => {
                    self.hash.update(&chunk[..count]);
                    self.length += count as u64;
                }
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), CtlError> {
        self.file.write_all(bytes).map_err(|source| self.failed(source))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn empty(&mut self) -> Result<(), CtlError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|source| self.failed(source))?;
        (self.hash, self.length) = (sha2::Sha256::new(), 0);
        Ok(())
    }

    fn prove(&self, archive: &Archive) -> Result<(), CtlError> {
        let actual = Sha256::from_bytes(self.hash.clone().finalize().into());
        if actual == archive.sha256 {
            return Ok(());
        }
        let expected = archive.sha256;
        Err(CtlError::Damaged(format!(
            "what the server sent has the digest {actual}, not {expected}; nothing was kept"
        )))
    }

    fn keep(self, to: &Path) -> Result<(), CtlError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        std::fs::rename(&self.path, to).map_err(|source| CtlError::Write { path: to.to_owned(), source })
    }

    /// Leaves what arrived, where it is of use to who comes again.
    fn leave(self, error: &CtlError, waiting: &Waiting<'_>) {
        if self.length == 0 || matches!(error, CtlError::Damaged(_)) {
            // Where it cannot be removed, it is found to be of no use the next time.
            let _ = std::fs::remove_file(&self.path);
        } else {
            let there = bytes(self.length);
            waiting.tell(&format!("{there} of it are in {}: run the same again, and it goes on", self.path.display()));
        }
    }

    fn failed(&self, source: std::io::Error) -> CtlError {
        CtlError::Write { path: self.path.clone(), source }
    }
}

const CHUNK: usize = 256 * 1024;

/// How long nothing may come.
const STALL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
