//! The daemon carries messages: inputs to the machine, effects to the host, views to whoever watches.
//!
//! One loop on one thread. It never decides (the machine does) and never acts (the host does). What the machine
//! said is in the journal before any effect that follows from it begins.

mod doors;
pub mod engine;
pub mod handle;
mod receive;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::activation::Activation;
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::settings::HostSettings;
use crate::control;
use crate::durable::{self, SlotsError};
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::host::remote::RemoteHost;
use crate::identity::{self, IdentityError, IdentityStore};
use crate::journal::Journal;
use crate::remote::download::Downloads;
use crate::remote::{self, Link};
use crate::telemetry::notify;

use doors::Doors;

pub use doors::DoorError;
pub use engine::{Engine, EngineError};

/// Why the daemon could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A folder could not be made.
    #[error("failed to make the folder {path}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The journal could not be opened.
    #[error("failed to open the journal")]
    Journal(#[source] SlotsError),
    /// The device's identity could not be read.
    #[error("failed to open the device's identity")]
    Identity(#[source] IdentityError),
    /// The time zone of the maintenance windows is not known.
    #[error("failed to find the time zone of policy.time_zone")]
    TimeZone(#[source] jiff::Error),
    /// The host could not be started.
    #[error("failed to start the host")]
    Host(#[source] belay_protocol::Failure),
    /// A door could not be opened.
    #[error("failed to open the local API")]
    Doors(#[source] DoorError),
    /// Signals could not be received.
    #[error("failed to listen for signals")]
    Signals(#[source] std::io::Error),
    /// The loop ended by itself.
    #[error("the daemon had to stop")]
    Engine(#[source] EngineError),
}

/// Runs the daemon until it is told to stop.
pub async fn run(mut settings: Settings) -> Result<(), RunError> {
    let activation = Activation::take().map_err(|error| RunError::Doors(DoorError::Activation(error)))?;
    // What is open is judged alike, whoever opened it.
    settings.control.listen.extend(activation.addresses());
    let clock = Clock::new(settings.time_zone.as_deref()).map_err(RunError::TimeZone)?;
    let folder = settings.daemon_dir();
    durable::make_private_folder(&folder).map_err(|source| RunError::Folder { path: folder.clone(), source })?;
    let (journal, mut state, damage) = Journal::open(&folder).map_err(RunError::Journal)?;
    if state.outbox.id.is_empty() {
        state.outbox.id = identity::random().map_err(RunError::Identity)?;
    }
    let (store, damaged_identity) = IdentityStore::open(&folder).map_err(RunError::Identity)?;
    let mut warnings = control::open_doors(&settings.control);
    warnings.extend(remote::open_link(&settings.server));
    warnings.extend(damage.into_iter().chain(damaged_identity));
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let downloads = Downloads::new(&settings);
    if let Err(failure) = downloads.tidy() {
        tracing::warn!("what earlier downloads left stays: {}", failure.message);
    }
    let host = start_host(&settings).await?;
    let (engine, handle) = Engine::new(host, journal, state, settings.rules.clone(), clock, warnings);
    let (link, door) = Link::new(handle.clone(), &settings, store);
    let doors = Doors::open(&settings, handle.with_link(door), activation).await.map_err(RunError::Doors)?;
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(doors.serve(stopping.clone()));
    tokio::spawn(link.run(stopping.clone()));
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        notify::stopping();
        let _ = stop.send(true);
    });
    // Before the host has answered: it may be installing this very program, and its package waits for us to start.
    notify::ready(Some("waiting for the host"));
    let known = || notify::status(notify::IN_SERVICE);
    engine.with_downloads(downloads).run(stopping, known).await.map_err(RunError::Engine)?;
    let _ = serving.await;
    Ok(())
}

async fn start_host(settings: &Settings) -> Result<Arc<dyn Host>, RunError> {
    match &settings.host {
        HostSettings::Socket { path, .. } => Ok(Arc::new(RemoteHost::new(path.clone()))),
        HostSettings::InProcess => {
            let settings = settings.clone();
            let open = move || {
                let host = LocalHost::open(&settings)?;
                host.recover();
                Ok(host)
            };
            match tokio::task::spawn_blocking(open).await {
                Ok(host) => Ok(Arc::new(host.map_err(RunError::Host)?)),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
    }
}
