//! One piece on its way.

use std::convert::Infallible;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use belay_protocol::Sha256;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;

use super::Archive;
use super::archive::digest;
use crate::client::{Client, Reply};
use crate::error::CtlError;

/// Its bytes, proven to be those that were looked at.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) sha256: Sha256,
    pub(super) bytes: Arc<Vec<u8>>,
}

impl Piece {
    /// Reads the piece with this number.
    pub(super) fn read(file: &File, path: &Path, archive: &Archive, number: usize) -> Result<Self, CtlError> {
        let failed = |source| CtlError::File { path: path.to_owned(), source };
        let from = number as u64 * archive.piece;
        let mut bytes =
            vec![0; usize::try_from(archive.size.saturating_sub(from).min(archive.piece)).unwrap_or_default()];
        let sha256 = archive.pieces[number];
        match file.read_exact_at(&mut bytes, from) {
            Ok(()) if digest(&bytes) == sha256 => Ok(Self { sha256, bytes: Arc::new(bytes) }),
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(failed(error)),
            Ok(()) | Err(_) => {
                let problem = "somebody changed it while it was being sent; nothing was published. Publish it again";
                Err(CtlError::Damaged(format!("{}: {problem}", path.display())))
            }
        }
    }

    /// Sends it once, and tells the bar what went. What does not move at all is given up.
    pub(super) async fn put(&self, client: &Client, bar: &ProgressBar) -> Result<Reply, CtlError> {
        let (moved, counted, bytes, bar) =
            (Arc::new(AtomicUsize::new(0)), self.bytes.len(), self.bytes.clone(), bar.clone());
        let mover = Arc::clone(&moved);
        let chunks = stream::iter((0..counted).step_by(CHUNK)).map(move |from| {
            let chunk = bytes[from..counted.min(from + CHUNK)].to_vec();
            bar.inc(chunk.len() as u64);
            mover.fetch_add(chunk.len(), Relaxed);
            Ok::<_, Infallible>(chunk)
        });
        let name = self.sha256.to_string();
        let place = ["artifacts", name.as_str()];
        let mut sending = std::pin::pin!(client.put_long(&place, counted as u64, reqwest::Body::wrap_stream(chunks)));
        let mut before = usize::MAX;
        loop {
            let now = moved.load(Relaxed);
            if now == before {
                let problem = format!("nothing moved for {} seconds", STALL.as_secs());
                return Err(CtlError::Unreachable { url: client.server().to_string(), problem });
            }
            before = now;
            tokio::select! {
                reply = &mut sending => return reply,
                () = tokio::time::sleep(STALL) => {}
            }
        }
    }
}

/// How many bytes go at once.
const CHUNK: usize = 64 * 1024;

/// How long nothing may move. The last bytes of a piece wait in the system's own buffers, so it is not short.
const STALL: Duration = Duration::from_secs(120);
