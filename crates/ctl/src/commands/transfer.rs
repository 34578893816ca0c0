//! Archives on their way: read once for their digest, sent and fetched in pieces, with a bar on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use belay_protocol::Sha256;
use indicatif::ProgressBar;
use sha2::Digest;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::ReaderStream;

use super::publish::Archive;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;

/// Reads an archive for its digest and size.
pub(super) fn look_at(path: &Path, output: &Output) -> Result<Archive, CtlError> {
    let failed = |source| CtlError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let bar = bar(file.metadata().map_err(failed)?.len(), "reading", output);
    let (mut hash, mut size, mut piece) = (sha2::Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        size += read as u64;
        bar.inc(read as u64);
    }
    bar.finish_and_clear();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Archive { name, sha256: Sha256::from_bytes(hash.finalize().into()), size })
}

/// Sends an archive to where the server keeps it, unless it is there.
pub(super) async fn send(client: &Client, path: &Path, archive: &Archive, output: &Output) -> Result<(), CtlError> {
    let digest = archive.sha256.to_string();
    let place = ["artifacts", digest.as_str()];
    if client.is_there(&place).await? {
        return Ok(());
    }
    let failed = |source| CtlError::File { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let bar = bar(archive.size, "sending", output);
    let stream = ReaderStream::with_capacity(Counted { file, bar: bar.clone() }, PIECE);
    client.put_stream(&place, archive.size, reqwest::Body::wrap_stream(stream)).await?;
    bar.finish_and_clear();
    Ok(())
}

/// Fetches an archive; it appears under its name once it is whole and right.
pub(super) async fn fetch(
    client: &Client,
    path: &[&str],
    archive: &Archive,
    to: &Path,
    output: &Output,
) -> Result<(), CtlError> {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = Part(PathBuf::from(part));
    let failed = |source| CtlError::Write { path: part.0.clone(), source };
    let mut file = File::create(&part.0).map_err(failed)?;
    let bar = bar(archive.size, "fetching", output);
    let mut response = client.open(path).await?;
    let mut hash = sha2::Sha256::new();
    while let Some(piece) = client.next(&mut response).await? {
        hash.update(&piece);
        file.write_all(&piece).map_err(failed)?;
        bar.inc(piece.len() as u64);
    }
    bar.finish_and_clear();
    let actual = Sha256::from_bytes(hash.finalize().into());
    if actual != archive.sha256 {
        let message = format!("what the server sent has the digest {actual}, not {}; nothing was kept", archive.sha256);
        return Err(CtlError::Damaged(message));
    }
    file.sync_all().map_err(failed)?;
    std::fs::rename(&part.0, to).map_err(|source| CtlError::Write { path: to.to_owned(), source })
}

/// A file that goes unless it got its name.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Where it has its name by now, there is nothing to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A file that tells a bar what was read of it.
struct Counted {
    file: tokio::fs::File,
    bar: ProgressBar,
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.file).poll_read(cx, into);
        this.bar.inc((into.filled().len() - before) as u64);
        read
    }
}

fn bar(size: u64, what: &'static str, output: &Output) -> ProgressBar {
    output.bar(size, "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}").with_message(what)
}

const PIECE: usize = 256 * 1024;
