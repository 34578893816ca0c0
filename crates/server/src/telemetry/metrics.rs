//! Figures for Prometheus, in the OpenMetrics text format, all prefixed `belay_server_`. No name of a device is in them.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use belay_protocol::admin::{DeploymentStatus, DeviceState};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::monotonic;
use crate::serve::Connections;
use crate::service::Service;
use crate::service::stats::Histogram;
use crate::store::figures::Figures;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures.
#[derive(Debug)]
pub struct Metrics {
    service: Service,
    requests: Family<Request, Counter>,
    stored: Mutex<Stored>,
    connections: Connections,
}

/// What the database said last, and when.
#[derive(Debug, Default)]
struct Stored {
    figures: Option<Figures>,
    asked: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    status: &'static str,
}

impl Metrics {
    /// The figures of this server.
    pub fn new(service: Service) -> Self {
        Self { service, requests: Family::default(), stored: Mutex::default(), connections: Connections::default() }
    }

    /// Where connections are counted.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Counts one request by the route that it took, never by its path: a path may be anything.
    pub fn request(&self, route: &str, status: u16) {
        let status = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&Request { route: route.to_owned(), status }).inc();
    }

    /// All figures as text. The database is asked at most every ten seconds, however many ask here.
    pub async fn render(&self) -> Result<String, fmt::Error> {
        if self.is_due() {
            match self.service.figures().await {
                Ok(figures) => self.stored().figures = Some(figures),
                // Old figures would look like a fleet that stands still.
                Err(error) => {
                    tracing::warn!(%error, "the database gave no figures");
                    self.stored().figures = None;
                }
            }
        }
        let mut registry = Registry::with_prefix("belay_server");
        registry.register("build", "The program that answers", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("http_requests", "Requests answered, by route and kind of status", self.requests.clone());
        let stored = self.stored().figures.clone();
        registry.register_collector(Box::new(Snapshot {
            service: self.service.clone(),
            connections: self.connections.clone(),
            stored,
        }));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    /// Whether the database is to be asked; whoever is told so asks it.
    fn is_due(&self) -> bool {
        let now = monotonic();
        let mut stored = self.stored();
        let due = stored.asked.is_none_or(|asked| now.duration_since(asked) >= PAUSE);
        if due {
            stored.asked = Some(now);
        }
        due
    }

    fn stored(&self) -> std::sync::MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that is counted elsewhere, at the moment of one answer.
#[derive(Debug)]
struct Snapshot {
    service: Service,
    connections: Connections,
    stored: Option<Figures>,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let stats = self.service.stats();
        let syncs =
            [("idle", &stats.idle), ("recorded", &stats.recorded), ("busy", &stats.busy), ("refused", &stats.refused)];
        let syncs: Vec<_> = syncs.into_iter().map(|(outcome, counter)| (outcome, counter.value())).collect();
        page.counters("syncs", "Polls of devices, by how they were answered", "outcome", &syncs)?;
        page.histogram("sync", "How long polls took to be answered", Some(&Unit::Seconds), &stats.sync_seconds)?;
        page.histogram("sync_batch", "How many polls one transaction made durable", None, &stats.batch_size)?;
        page.gauge("sync_waiting", "Polls waiting to be made durable", stats.waiting.value())?;
        page.counter("devices_read", "Devices whose state had to be read from the database", stats.read.value())?;
        let decisions: Vec<_> = stats.decisions.counts().into_iter().collect();
        page.counters("decisions", "What the rollout engine decided here", "decision", &decisions)?;
        page.gauge("connections", "Connections that are open", self.connections.open())?;
        let help = "Connections sent away for want of room, or because they did not end in time";
        page.counter("connections_cut", help, self.connections.cut())?;
        let (writes, retries) = self.service.transactions();
        page.counter("store_writes", "Transactions that wrote", writes)?;
        page.counter("store_retries", "Transactions begun again because the database asked for it", retries)?;
        self.stored.as_ref().map_or(Ok(()), |figures| stored(&mut page, figures))
    }
}

fn stored(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    page.gauges("devices", "Devices, by state", "state", &counted(&DEVICE_STATES.map(word), &figures.devices))?;
    let statuses = DEPLOYMENT_STATUSES.map(word);
    page.gauges("deployments", "Deployments, by status", "status", &counted(&statuses, &figures.deployments))?;
    match figures.bytes {
        Some(bytes) => page.sized("store_size", "What the database takes on disk", &Unit::Bytes, bytes),
        None => Ok(()),
    }
}

/// Every word with its number: one that no row has is 0, for a figure that comes and goes cannot be watched.
fn counted(words: &[String], rows: &[(String, u64)]) -> Vec<(String, u64)> {
    let number = |word: &String| rows.iter().find(|(other, _)| other == word).map_or(0, |(_, number)| *number);
    words.iter().map(|word| (word.clone(), number(word))).collect()
}

/// The word that stands in the database and on the wire.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Where figures are written to.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn sized(&mut self, name: &str, help: &str, unit: &Unit, value: u64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, Some(unit), MetricType::Gauge)?)
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&'static str, u64)]) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        values
            .iter()
            .try_for_each(|(word, value)| ConstCounter::new(*value).encode(encoder.encode_family(&[(label, *word)])?))
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(String, u64)]) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.iter().try_for_each(|(word, value)| {
            ConstGauge::new(*value).encode(encoder.encode_family(&[(label, word.as_str())])?)
        })
    }

    fn histogram<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: &Histogram<N>,
    ) -> fmt::Result {
        let buckets = values.counts();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut encoder = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(values.sum(), count, &buckets, None)
    }
}

/// How long what the database said is good for.
const PAUSE: Duration = Duration::from_secs(10);

const DEVICE_STATES: [DeviceState; 4] =
    [DeviceState::Pending, DeviceState::Authorized, DeviceState::Quarantined, DeviceState::Revoked];

const DEPLOYMENT_STATUSES: [DeploymentStatus; 7] = [
    DeploymentStatus::Pending,
    DeploymentStatus::InProgress,
    DeploymentStatus::Paused,
    DeploymentStatus::Halted,
    DeploymentStatus::Completed,
    DeploymentStatus::Failed,
    DeploymentStatus::Cancelled,
];
