//! Puts the server together and keeps it until it is told to end.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::api::{self, ApiState, Sizes};
use crate::artifacts::{ArtifactError, Artifacts, BucketSettings, Place};
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::settings::{ArtifactStore, Devices, EnrolmentMode};
use crate::serve::{self, Limits, ServeError, TlsSettings};
use crate::service::{DeviceSettings, Enrolment, Options, Service};
use crate::store::{Store, StoreError};
use crate::telemetry::notify;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file with a secret cannot be read.
    #[error("failed to read {path}: {source}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The artifacts' place cannot be used.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// Nothing can be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A part without which the server is none ended while nobody asked it to.
    #[error("a part of the server ended by itself ({0}); it has to be started again")]
    Ended(String),
}

/// How long the engine may take for one turn: far longer than a large fleet, or a database that does not answer, needs.
const ENGINE_PATIENCE: Duration = Duration::from_secs(300);

/// How often the certificate's files are looked at for newer ones.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Serves until `shutdown` comes, then ends in order: the doors, the engine, what is only in memory, the database.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let store = Store::open(&settings.database.0, &settings.state_dir).await?;
    let artifacts = Artifacts::open(&place(&settings.artifacts)?).await?;
    let service = service(store.clone(), &settings).keeping(artifacts.clone());
    let listeners = listen(&settings.listen).await?;

    let (stop, stopped) = watch::channel(false);
    let (closed, doors_are_closed) = oneshot::channel::<()>();
    let mut parts = JoinSet::new();
    let engine = service.clone().run_engine(stopped.clone(), Arc::clone(&service.engine));
    parts.spawn(async { (engine.await, "engine").1 });
    let upkeep = keep_up(service.clone(), doors_are_closed);
    parts.spawn(async { (upkeep.await, "upkeep").1 });
    let heart = tokio::spawn(beat(service.clone()));
    notify::ready(None);

    let doors = answer(listeners, service, artifacts, &settings, stopped);
    let served = until_the_end(shutdown, doors, &mut parts, &stop).await;
    drop(closed);
    while let Some(ended) = parts.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the server ended badly");
        }
    }
    heart.abort();
    store.close().await;
    tracing::info!("stopped");
    served
}

/// Keeps the doors open until `shutdown` comes, and closes them. Where one of the parts ends before, so does the server,
/// with an error: systemd starts it again, whole.
async fn until_the_end(
    shutdown: impl Future<Output = ()>,
    doors: impl Future<Output = Result<(), RunError>>,
    parts: &mut JoinSet<&'static str>,
    stop: &watch::Sender<bool>,
) -> Result<(), RunError> {
    let mut doors = pin!(doors);
    tokio::select! {
        () = shutdown => {
            notify::stopping();
            stop.send_replace(true);
            doors.await
        }
        ended = &mut doors => {
            stop.send_replace(true);
            ended
        }
        Some(ended) = parts.join_next() => {
            let what = ended.map_or_else(|error| error.to_string(), str::to_owned);
            tracing::error!("a part of the server ended by itself: {what}; the server ends");
            stop.send_replace(true);
            doors.await?;
            Err(RunError::Ended(what))
        }
    }
}

/// Answers until `stopped` turns true and what was begun has ended.
async fn answer(
    listeners: Vec<TcpListener>,
    service: Service,
    artifacts: Artifacts,
    settings: &Settings,
    stopped: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let sizes = Sizes { body: settings.limits.body_bytes, artifact: settings.upload.max_bytes };
    let state = ApiState::new(service, artifacts, sizes);
    let connections = state.connections();
    let router = api::router(state);
    let listeners =
        listeners.into_iter().map(TcpListener::into_std).collect::<Result<_, _>>().map_err(ServeError::Listener)?;
    let tls = settings.tls.as_ref().map(|tls| TlsSettings {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        look_every: LOOK_EVERY,
    });
    let limits = Limits {
        connections: settings.limits.connections as usize,
        per_address: settings.limits.per_address.map(|number| number as usize),
        head: settings.limits.header_timeout,
        body_idle: settings.limits.body_timeout,
        write_stall: settings.limits.body_timeout,
        ..Limits::default()
    };
    let ended = serve::run(listeners, router, tls, limits, connections, stopped).await?;
    if ended.cut > 0 {
        tracing::warn!(connections = ended.cut, "connections were cut: they did not end in time");
    }
    Ok(())
}

fn place(settings: &ArtifactStore) -> Result<Place, RunError> {
    let s3 = match settings {
        ArtifactStore::Folder(folder) => return Ok(Place::Folder(folder.clone())),
        ArtifactStore::S3(s3) => s3,
    };
    let secret = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|source| RunError::Secret { path: path.clone(), source })?;
        Ok::<_, RunError>(text.trim().to_owned())
    };
    let files = s3.credentials.as_ref();
    Ok(Place::Bucket(BucketSettings {
        bucket: s3.bucket.clone(),
        prefix: s3.prefix.clone(),
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        access_key_id: files.map(|files| secret(&files.access_key_file)).transpose()?,
        secret_access_key: files.map(|files| secret(&files.secret_key_file)).transpose()?,
    }))
}

async fn keep_up(service: Service, doors_are_closed: oneshot::Receiver<()>) {
    service.upkeep(async { drop(doors_are_closed.await) }).await;
}

/// Tells systemd's watchdog, where there is one, that this process still turns, and its engine with it.
async fn beat(service: Service) {
    if let Some(interval) = notify::watchdog_interval() {
        let mut tick = tokio::time::interval(interval);
        loop {
            tick.tick().await;
            if service.pulse.is_within(ENGINE_PATIENCE) {
                notify::alive();
            }
        }
    }
}

/// The server without its doors, on an open store.
pub(crate) fn service(store: Store, settings: &Settings) -> Service {
    let mode = match settings.enrolment {
        EnrolmentMode::Token => Enrolment::Token,
        EnrolmentMode::Approval => Enrolment::Approval,
        EnrolmentMode::Open => Enrolment::Open,
    };
    let Devices { poll_s, offline_after_s } = settings.devices;
    let devices = DeviceSettings { mode, poll_s, offline_after_s };
    Service::new(store, Clock::System, Options { devices, reports_kept: settings.reports_kept })
}

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, RunError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let failed = |source| RunError::Listen { address: *address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        // The port is the system's choice where 0 was written.
        tracing::info!(address = %listener.local_addr().map_err(failed)?, "listening");
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests;
