mod cuts;
mod ends;
mod lies;
mod refusals;

use std::time::Duration;

use belay_protocol::Sha256;
use belay_testkit::FlakyServer;
use belay_testkit::flaky::{File as Served, Habits};
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::config::settings::Proxy;
use crate::durable::digest_of_bytes;

/// A device that downloads to a folder of its own, without long waits.
struct Device {
    settings: Settings,
    stop: watch::Sender<Option<Failure>>,
    _folder: TempDir,
}

impl Device {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { state_dir: folder.path().join("state"), ..Settings::default() };
        settings.server.proxy = Proxy::Direct;
        settings.rules.guard.reserve_bytes = 0;
        settings.bundle.stall = Duration::from_secs(20);
        settings.bundle.retries = 3;
        Self { settings, stop: watch::channel(None).0, _folder: folder }
    }

    fn open(&self, order: &BundleOrder) -> Download {
        let instant = Duration::from_millis(1);
        let tempo = Tempo { backoff: Backoff::new(instant, instant).unwrap() };
        Downloads::new(&self.settings).at(tempo).open(order, self.stop.subscribe(), Box::new(|_, _| ()))
    }

    /// Downloads as the daemon does, with a host that believes the digest alone.
    fn downloads(&self, order: &BundleOrder) -> Result<Vec<u8>, Failure> {
        let mut download = self.open(order);
        let mut taken = take(&mut download, order.sha256);
        if let Err(failure) = &taken
            && download.begin_afresh(failure)
        {
            taken = take(&mut download, order.sha256);
        }
        let taken = taken.map_err(|failure| download.failure().cloned().unwrap_or(failure));
        let version = "2.0".parse().unwrap();
        let arrived = || Arrived { version, packages: Default::default(), warnings: Vec::new() };
        download.finish(&taken.as_ref().map(|_| arrived()).map_err(Clone::clone));
        taken
    }

    /// The names of what is left of downloads.
    fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.settings.incoming_dir())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path().extension().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    fn partial(&self, order: &BundleOrder) -> Vec<u8> {
        let path = partial::path_of(&self.settings.incoming_dir(), order.sha256, "part");
        std::fs::read(path).unwrap_or_default()
    }

    /// What an earlier run left.
    fn has(&self, order: &BundleOrder, bytes: &[u8], etag: Option<&str>) {
        let mut partial = partial::Partial::open(&self.settings.incoming_dir(), order.sha256).unwrap();
        partial.append(bytes).unwrap();
        let BundleSource::Url { url } = &order.source else { panic!("a URL") };
        let note = partial::Note { url: url.clone(), etag: etag.map(str::to_owned), total: order.size };
        partial.set_note(note).unwrap();
    }
}

fn take(download: &mut Download, sha256: Sha256) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    download.read_to_end(&mut bytes).map_err(|error| Failure::new(Reason::State, error.to_string()))?;
    if digest_of_bytes(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(Failure::new(Reason::DigestMismatch, "the bundle has another digest"))
    }
}

/// Bytes that nothing repeats.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

fn order(server: &FlakyServer, bytes: &[u8]) -> BundleOrder {
    order_at(&server.url(), bytes)
}

fn order_at(url: &str, bytes: &[u8]) -> BundleOrder {
    BundleOrder {
        source: BundleSource::Url { url: url.to_owned() },
        sha256: digest_of_bytes(bytes),
        size: Some(bytes.len() as u64),
        version: None,
        manifest: None,
    }
}

fn of_unknown_size(order: BundleOrder) -> BundleOrder {
    BundleOrder { size: None, ..order }
}

fn serving(bytes: &[u8], habit: impl FnOnce(&mut Habits)) -> FlakyServer {
    let server = FlakyServer::start(bytes);
    server.change(habit);
    server
}

const LENGTH: usize = 300_000;
