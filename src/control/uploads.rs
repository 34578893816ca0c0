//! Archives that are put to the device: written while they arrive and hashed on the way. At most one waits for its job.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use belay_protocol::bundle::BundleSource;
use belay_protocol::local::Uploaded;
use belay_protocol::{Failure, Reason, Sha256};
use futures_util::StreamExt;
use sha2::Digest;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::body::{MAX_DROPPED, no_query};
use super::errors::Refusal;
use super::state::ControlState;
use crate::config::Settings;
use crate::durable;
use crate::identity;
use crate::machine::state::State as Machine;

/// Where archives arrive, and how much of the disk they may take.
#[derive(Debug, Clone)]
pub struct Uploads {
    folder: PathBuf,
    max_bytes: u64,
    reserve_bytes: u64,
    /// One archive arrives at a time.
    pub(super) turn: Arc<Semaphore>,
}

/// How long nothing may arrive. The whole may take as long as it takes.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes are written between two looks at the free space.
const LOOK_EVERY: u64 = 8 << 20;

/// How the name of an archive ends that is there as a whole; before it stands its digest.
const WHOLE: &str = ".upload";

/// How the name of one ends that still arrives.
const ARRIVING: &str = ".new";

impl Uploads {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self {
            folder: settings.daemon_dir().join("incoming"),
            max_bytes: settings.bundle.max_bytes,
            reserve_bytes: settings.rules.guard.reserve_bytes,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    #[cfg(test)]
    pub(super) fn of_test(folder: &Path, max_bytes: u64, reserve_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), max_bytes, reserve_bytes, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The size of an archive that waits; none where there is none of that digest.
    pub(super) fn size_of(&self, sha256: Sha256) -> Option<u64> {
        let found = std::fs::symlink_metadata(self.whole(sha256)).ok()?;
        found.is_file().then_some(found.len())
    }

    fn whole(&self, sha256: Sha256) -> PathBuf {
        self.folder.join(format!("{sha256}{WHOLE}"))
    }

    /// Removes what earlier uploads left, but for `kept`.
    fn sweep(&self, kept: &[PathBuf]) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // A name with a dot before it is a file of `durable` on its way.
            let ours = !name.starts_with('.') && (name.ends_with(WHOLE) || name.ends_with(ARRIVING));
            if ours && !kept.contains(&path) {
                std::fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn check_space(&self, coming: u64) -> Result<(), Refusal> {
        let free = rustix::fs::statvfs(&self.folder).map_err(|error| self.failed(&error.into()))?;
        let free = free.f_bavail.saturating_mul(free.f_frsize);
        if free >= coming.saturating_add(self.reserve_bytes) {
            return Ok(());
        }
        let message = format!(
            "the archive needs {coming} bytes more and {} stay free for the device (guard.reserve_mb), but only {free} are \
             free at {}; free some space, then send it again",
            self.reserve_bytes,
            self.folder.display()
        );
        Err(Failure::new(Reason::NoSpace, message).into())
    }

    fn failed(&self, error: &io::Error) -> Refusal {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let reason = if full { Reason::NoSpace } else { Reason::State };
        Failure::new(reason, format!("the archive cannot be written to {}: {error}", self.folder.display())).into()
    }

    /// Takes an archive. Whatever goes wrong leaves nothing of it.
    async fn take(&self, body: &mut Arriving, length: Option<u64>, needed: &[PathBuf]) -> Result<Uploaded, Refusal> {
        let failed = |error: &io::Error| self.failed(error);
        if length.is_some_and(|length| length > self.max_bytes) {
            return Err(Refusal::BundleTooLarge(self.max_bytes));
        }
        durable::make_private_folder(&self.folder).map_err(|error| failed(&error))?;
        self.sweep(needed).map_err(|error| failed(&error))?;
        self.check_space(length.unwrap_or(0))?;
        let name = identity::random().map_err(|_| Refusal::Internal("no random name"))?;
        let arriving = Arrival(Some(self.folder.join(format!("{name}{ARRIVING}"))));
        let (sha256, size) = self.write(body, arriving.path()).await?;
        if size == 0 {
            return Err(Failure::new(Reason::BadBundle, "the body is empty: send the archive itself").into());
        }
        arriving.becomes(&self.whole(sha256)).map_err(|error| failed(&error))?;
        Ok(Uploaded { sha256, size })
    }

    async fn write(&self, body: &mut Arriving, path: &Path) -> Result<(Sha256, u64), Refusal> {
        let failed = |error: io::Error| self.failed(&error);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await;
        let mut file: File = opened.map_err(failed)?;
        let (mut hasher, mut size, mut looked) = (sha2::Sha256::new(), 0_u64, 0_u64);
        while let Some(chunk) = body.next().await? {
            size = size.saturating_add(chunk.len() as u64);
            if size > self.max_bytes {
                return Err(Refusal::BundleTooLarge(self.max_bytes));
            }
            if size - looked > LOOK_EVERY {
                self.check_space(chunk.len() as u64)?;
                looked = size;
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        Ok((Sha256::from_bytes(hasher.finalize().into()), size))
    }
}

pub(super) async fn put(
    State(control): State<ControlState>,
    request: Request,
) -> Result<(StatusCode, Json<Uploaded>), Refusal> {
    no_query(request.uri())?;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let uploads = &control.uploads;
    let needed = needed(uploads, &control.handle.view().borrow().state);
    let mut body = Arriving { chunks: request.into_body().into_data_stream(), arrived: 0 };
    let taken = match uploads.turn.try_acquire() {
        Ok(_turn) => uploads.take(&mut body, length, &needed).await,
        Err(_) => Err(Failure::new(Reason::Busy, "another archive is arriving; send this one after it").into()),
    };
    if taken.is_err() {
        body.drop_rest().await;
    }
    Ok((StatusCode::CREATED, Json(taken?)))
}

/// The archive that a job has yet to take.
fn needed(uploads: &Uploads, state: &Machine) -> Vec<PathBuf> {
    let jobs = state.running.iter().map(|running| &running.job).chain(&state.queued);
    let orders = jobs.filter_map(|job| job.request.bundle()).filter(|order| order.source == BundleSource::Upload);
    orders.map(|order| uploads.whole(order.sha256)).collect()
}

/// A body chunk by chunk.
struct Arriving {
    chunks: axum::body::BodyDataStream,
    arrived: usize,
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let next = tokio::time::timeout(CHUNK_TIMEOUT, self.chunks.next()).await;
        let chunk = next.map_err(|_| Refusal::BodyTimeout)?.transpose().map_err(|_| Refusal::BodyBroken)?;
        self.arrived = self.arrived.saturating_add(chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }

    /// Reads on for a while, so that the sender comes to see the refusal.
    async fn drop_rest(mut self) {
        let most = self.arrived.saturating_add(MAX_DROPPED);
        while self.arrived < most && matches!(self.next().await, Ok(Some(_))) {}
    }
}

/// A file that goes away unless it becomes whole.
struct Arrival(Option<PathBuf>);

impl Arrival {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn becomes(mut self, whole: &Path) -> io::Result<()> {
        std::fs::rename(self.path(), whole)?;
        self.0 = None;
        durable::sync_folder(whole.parent().unwrap_or(Path::new("/")))
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Where even that fails, the next upload removes it.
            let _ = std::fs::remove_file(path);
        }
    }
}
