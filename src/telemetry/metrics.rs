//! Figures for Prometheus, in the OpenMetrics text format, all prefixed `belay_`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use belay_protocol::job::{Job, JobId, JobState};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::daemon::handle::View;
use crate::remote::door::LinkView;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
}

/// Keeps the figures up to date; the one place that writes them.
#[derive(Debug)]
pub struct Observer {
    figures: Figures,
    /// Jobs whose end was counted, as far as the view still shows them. None before the first view: what ended
    /// before this process began is not counted.
    counted: Option<BTreeSet<JobId>>,
    /// Warnings of the view and of the link, as last seen.
    warnings: (usize, usize),
}

#[derive(Debug, Clone, Default)]
struct Figures {
    jobs: Family<End, Counter>,
    running: Gauge,
    queued: Gauge,
    generation: Gauge,
    attention: Gauge,
    warnings: Gauge,
    connected: Gauge,
    progress: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    end: &'static str,
}

impl Metrics {
    /// New figures, and the observer that writes them.
    pub fn new() -> (Self, Observer) {
        let figures = Figures::default();
        // Every end shows from the first scrape on, as 0: a rate over a figure that appears late misses its first rise.
        for state in JobState::ALL.iter().filter(|state| state.is_end()) {
            drop(figures.jobs.get_or_create(&End { end: state.word() }));
        }
        (Self { registry: Arc::new(figures.register()) }, Observer { figures, counted: None, warnings: (0, 0) })
    }

    /// The figures as text.
    ///
    /// # Errors
    /// Never: writing to memory does not fail.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map(|()| text)
    }
}

impl Figures {
    fn register(&self) -> Registry {
        let mut registry = Registry::with_prefix("belay");
        registry.register("jobs", "Jobs that ended since the agent started, by end", self.jobs.clone());
        registry.register("job_running", "1 while a job runs", self.running.clone());
        registry.register("job_queued", "1 while a rollback waits for the running job", self.queued.clone());
        registry.register("job_progress_percent", "How far the running job's step has come", self.progress.clone());
        registry.register("generation", "The generation in force", self.generation.clone());
        registry.register("needs_attention", "1 when a person must look at the device", self.attention.clone());
        registry.register("warnings", "Warnings that the status shows", self.warnings.clone());
        let connected = "1 when the server answered the last poll as it should";
        registry.register("server_connected", connected, self.connected.clone());
        registry.register("build", "The agent's build", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry
    }
}

impl Observer {
    /// Follows the view, and the link where there is one, until the daemon ends.
    pub async fn follow(mut self, mut view: watch::Receiver<Arc<View>>, mut link: Option<watch::Receiver<LinkView>>) {
        loop {
            let now = Arc::clone(&view.borrow_and_update());
            self.see(&now);
            if let Some(link) = &mut link {
                self.see_link(&link.borrow_and_update());
            }
            tokio::select! {
                changed = view.changed() => if changed.is_err() {
                    return;
                },
                () = changed(&mut link) => {}
            }
        }
    }

    /// Takes over what one view of the link shows.
    pub fn see_link(&mut self, view: &LinkView) {
        let connected = view.link.as_ref().is_some_and(|link| link.last_contact.is_some() && link.last_error.is_none());
        self.figures.connected.set(i64::from(connected));
        self.warnings.1 = view.warnings.len();
        self.show_warnings();
    }

    fn show_warnings(&self) {
        let (of_view, of_link) = self.warnings;
        self.figures.warnings.set(i64::try_from(of_view + of_link).unwrap_or(i64::MAX));
    }

    /// Takes over what one view shows.
    pub fn see(&mut self, view: &View) {
        let state = &view.state;
        self.figures.running.set(i64::from(state.running.is_some()));
        self.figures.queued.set(i64::from(state.queued.is_some()));
        self.figures.generation.set(i64::try_from(state.generation.0).unwrap_or(i64::MAX));
        self.figures.attention.set(i64::from(state.needs_attention()));
        self.warnings.0 = view.warnings.len() + state.damage.len();
        self.show_warnings();
        self.figures.progress.set(view.progress.as_ref().map_or(0.0, |progress| f64::from(progress.percent)));
        self.count(state.ended.iter());
    }

    fn count<'a>(&mut self, ended: impl Iterator<Item = &'a Job> + Clone) {
        if let Some(counted) = &self.counted {
            for job in ended.clone().filter(|job| !counted.contains(&job.id)) {
                self.figures.jobs.get_or_create(&End { end: job.state.word() }).inc();
            }
        }
        self.counted = Some(ended.map(|job| job.id).collect());
    }
}

/// A change of the link; never, where there is none or it has ended.
async fn changed(link: &mut Option<watch::Receiver<LinkView>>) {
    let changed = match link {
        Some(link) => link.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests;
