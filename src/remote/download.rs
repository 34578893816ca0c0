//! A bundle's archive as one blocking stream, from the network, from an upload, or from what arrived before.
//!
//! It connects at the first read, goes on after cuts and restarts, and never gives more bytes than were ordered. It judges
//! nothing of what it brings: the host does. Whoever reads it gives it a thread.

mod answer;
mod pace;
mod partial;
mod place;
mod stop;
mod transfer;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use belay_protocol::bundle::{BundleOrder, BundleSource};
use belay_protocol::{Failure, Reason};

use crate::config::Settings;
use crate::host::{Content, disk};
use crate::machine::effect::Arrived;
use crate::remote::backoff::Backoff;

use place::Place;
use transfer::{Transfer, Trouble};

pub use stop::Stop;

/// Makes downloads as the settings say.
#[derive(Debug, Clone)]
pub struct Downloads {
    settings: Arc<Settings>,
    tempo: Tempo,
}

/// How long a download waits between two connections.
#[derive(Debug, Clone, Copy)]
pub struct Tempo {
    /// After connections that broke.
    pub backoff: Backoff,
}

/// Told how many bytes were given on, and of how many.
pub type OnProgress = Box<dyn FnMut(u64, Option<u64>) + Send>;

/// A bundle's archive that comes.
pub struct Download {
    makes: Downloads,
    order: BundleOrder,
    stop: Stop,
    on_progress: OnProgress,
    source: Option<Source>,
    given: u64,
    /// Some of it arrived in an earlier run.
    resumed: bool,
    began_afresh: bool,
    trouble: Option<Trouble>,
}

enum Source {
    Nothing,
    Upload(File),
    Network(Box<Transfer>),
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("sha256", &self.order.sha256)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Downloads {
    /// Downloads on a device with these settings.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: Arc::new(settings.clone()), tempo: Tempo { backoff: Backoff::SERVER } }
    }

    /// The same at another tempo.
    #[must_use]
    pub fn at(self, tempo: Tempo) -> Self {
        Self { tempo, ..self }
    }

    /// Removes what earlier downloads left, but for the newest: at the daemon's start.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn tidy(&self) -> Result<(), Failure> {
        partial::keep_newest(&self.settings.incoming_dir())
    }

    /// A download of what is ordered. It ends as soon as `stop` says why.
    pub fn open(&self, order: &BundleOrder, stop: Stop, on_progress: OnProgress) -> Download {
        Download {
            makes: self.clone(),
            order: order.clone(),
            stop,
            on_progress,
            source: None,
            given: 0,
            resumed: false,
            began_afresh: false,
            trouble: None,
        }
    }
}

impl Download {
    /// Why it ended, if it was not the reader who ended it.
    pub fn failure(&self) -> Option<&Failure> {
        match self.trouble.as_ref()? {
            Trouble::Failed(failure) | Trouble::Changed(failure) => Some(failure),
        }
    }

    /// Throws away what arrived and begins anew, once, where that may help: the file changed on the way, or what
    /// arrived in an earlier run was not what was ordered. Whoever reads must then throw away its half as well.
    pub fn begin_afresh(&mut self, refused: &Failure) -> bool {
        let changed = matches!(self.trouble, Some(Trouble::Changed(_)));
        let spoilt = self.trouble.is_none()
            && self.resumed
            && matches!(refused.reason, Reason::DigestMismatch | Reason::UnpackCorrupt);
        if self.began_afresh || !(changed || spoilt) {
            return false;
        }
        tracing::warn!("what arrived of the bundle is thrown away, and it is fetched anew: {}", refused.message);
        self.began_afresh = true;
        self.start();
        self.resumed = false;
        partial::remove(&self.makes.settings.incoming_dir(), self.order.sha256);
        true
    }

    /// Takes the verdict: what arrived is kept only where going on with it may help.
    pub fn finish(mut self, verdict: &Result<Arrived, Failure>) {
        let keep = match (verdict, &self.trouble) {
            (Ok(_), _) => false,
            (Err(_), Some(Trouble::Changed(_))) => false,
            (Err(failure), Some(Trouble::Failed(_))) => failure.reason != Reason::SizeMismatch,
            // The device could not take it; that says nothing about it. On a full disk it would be what fills it.
            (Err(failure), None) => matches!(
                failure.reason,
                Reason::State | Reason::Busy | Reason::LockTimeout | Reason::Cancelled | Reason::Stopping
            ),
        };
        self.source = None;
        if !keep && self.order.source != BundleSource::Kept {
            partial::remove(&self.makes.settings.incoming_dir(), self.order.sha256);
        }
    }

    fn start(&mut self) {
        self.source = None;
        self.given = 0;
        self.trouble = None;
    }

    fn piece(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        if let Some(wish) = self.stop.borrow().clone() {
            return Err(wish.into());
        }
        let source = match &mut self.source {
            Some(source) => source,
            None => {
                let source = self.makes.source(&self.order, &self.stop)?;
                if let Source::Network(transfer) = &source {
                    self.resumed |= transfer.length() > 0 && self.given == 0 && !self.began_afresh;
                }
                self.source.insert(source)
            }
        };
        match source {
            Source::Nothing => Ok(0),
            Source::Upload(file) => {
                let path = self.makes.settings.incoming_dir();
                file.read(buffer).map_err(|error| disk::failure("read", &path, &error).into())
            }
            Source::Network(transfer) => transfer.read(buffer, self.given),
        }
    }

    fn total(&self) -> Option<u64> {
        match &self.source {
            Some(Source::Network(transfer)) => transfer.total(),
            Some(Source::Upload(_) | Source::Nothing) | None => self.order.size,
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(failure) = self.failure() {
            return Err(io::Error::other(failure.clone()));
        }
        match self.piece(buffer) {
            Ok(count) => {
                self.given += count as u64;
                let total = self.total();
                (self.on_progress)(self.given, total);
                Ok(count)
            }
            Err(trouble) => {
                self.trouble = Some(trouble);
                Err(io::Error::other(self.failure().cloned().expect("it was just put there")))
            }
        }
    }
}

impl Content for Download {
    fn begin_again(&mut self) -> io::Result<()> {
        if let Some(failure) = self.failure() {
            return Err(io::Error::other(failure.clone()));
        }
        if let Some(wish) = self.stop.borrow().clone() {
            return Err(io::Error::other(wish));
        }
        self.start();
        Ok(())
    }
}

impl Downloads {
    fn source(&self, order: &BundleOrder, stop: &Stop) -> Result<Source, Failure> {
        match Place::of(&order.source, order.sha256, &self.settings)? {
            Some(place) => {
                let (settings, stop) = (self.settings.clone(), stop.clone());
                let transfer = Transfer::new(order.sha256, order.size, place, settings, self.tempo, stop)?;
                Ok(Source::Network(Box::new(transfer)))
            }
            None if order.source == BundleSource::Kept => Ok(Source::Nothing),
            None => self.upload(order).map(Source::Upload),
        }
    }

    fn upload(&self, order: &BundleOrder) -> Result<File, Failure> {
        let path = partial::path_of(&self.settings.incoming_dir(), order.sha256, "upload");
        let opened = disk::open_regular(&path, false);
        let file = opened.map_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return disk::failure("open", &path, &error);
            }
            let message = format!("the bundle {} is not here any more; upload it again", order.sha256);
            Failure::new(Reason::FetchFailed, message)
        })?;
        let has = file.metadata().map_err(|error| disk::failure("look at", &path, &error))?.len();
        match order.size.filter(|size| *size != has) {
            Some(size) => {
                let message = format!("the bundle must have {size} bytes, and what was uploaded has {has}");
                Err(Failure::new(Reason::SizeMismatch, message))
            }
            None => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests;
