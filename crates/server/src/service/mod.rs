//! What can be asked of the server, whichever door it comes through: a door only translates.
//!
//! Each file beside this one is one family of questions and orders. They read the store, let `domain` decide, and write
//! what was decided together with its reason, in one transaction.

mod artifacts;
mod channels;
mod deployments;
mod devices;
mod engine;
mod enrol;
mod error;
mod limits;
mod membership;
mod memory;
mod options;
mod progress;
mod pulse;
mod record;
mod recorder;
mod releases;
mod standing;
pub mod stats;
mod sync;
mod tokens;
mod upkeep;
mod watch;

use std::sync::Arc;

pub use artifacts::{Assembly, NotAssembled, Received};
use belay_protocol::admin::Page;
pub use devices::DeviceQuery;
pub use engine::Tick;
pub use error::{Kind, ServiceError};
pub use options::{DeviceSettings, Enrolment, Options};
pub use releases::published_with_archive;
use tokio::sync::Notify;

use crate::artifacts::Artifacts;
use crate::clock::Clock;
use crate::store::Store;

/// The server without its doors. Cheap to clone.
///
/// It works as soon as it is made. What it keeps in memory for polls is brought up to date by [`Service::upkeep`], which
/// has to run beside it.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    /// Where the archives of bundles are kept; none only where nobody publishes any.
    artifacts: Option<Artifacts>,
    /// Artifacts that are being put together.
    assemblies: Arc<artifacts::Running>,
    /// Told when the engine should look at once, rather than when its time comes.
    pub(crate) engine: Arc<Notify>,
    /// Whether the engine still turns.
    pub(crate) pulse: Arc<pulse::Pulse>,
    memory: Arc<memory::Memory>,
    recorder: Arc<recorder::Recorder>,
    stats: Arc<stats::Stats>,
}

impl Service {
    /// The server on this database.
    pub fn new(store: Store, clock: Clock, options: Options) -> Self {
        Self {
            store,
            clock,
            options,
            artifacts: None,
            assemblies: Arc::default(),
            engine: Arc::default(),
            pulse: Arc::default(),
            memory: Arc::default(),
            recorder: Arc::default(),
            stats: Arc::default(),
        }
    }

    /// What the hot path counts.
    pub fn stats(&self) -> &stats::Stats {
        &self.stats
    }
}

/// Who asks: the name that goes into the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

impl Actor {
    /// The server itself.
    pub(crate) fn server() -> Self {
        Self("belay-server".to_owned())
    }

    /// Whoever has a shell on the server.
    pub(crate) fn command_line() -> Self {
        Self("command line".to_owned())
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOf {
    /// Its number, counted from 1.
    pub page: u32,
    /// How many things it has at most, 1 to 500.
    pub page_size: u32,
}

impl PageOf {
    /// How many rows to read, and how many to leave out before them.
    pub(crate) fn range(self) -> Result<(i64, i64), ServiceError> {
        if self.page == 0 {
            return Err(ServiceError::of_field("page", "invalid_page", "pages are counted from 1"));
        }
        if !(1..=500).contains(&self.page_size) {
            return Err(ServiceError::of_field("page_size", "invalid_page", "a page has 1 to 500 things"));
        }
        let size = i64::from(self.page_size);
        Ok((size, i64::from(self.page - 1) * size))
    }

    /// The page with these things on it.
    pub(crate) fn with<T>(self, items: Vec<T>, total: u64) -> Page<T> {
        Page { items, total, page: self.page, page_size: self.page_size }
    }
}
