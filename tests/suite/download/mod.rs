//! A bundle's archive from a server to a host, each part of the way as it is on a device.

mod memory;
mod two_processes;

use std::time::Duration;

use belay_agent::config::Settings;
use belay_agent::config::settings::Proxy;
use belay_protocol::bundle::{BundleOrder, BundleSource};

/// Settings with a folder of their own, that reach the loopback alone.
fn settings(folder: &std::path::Path) -> Settings {
    let mut settings = Settings { state_dir: folder.join("state"), ..Settings::default() };
    settings.server.proxy = Proxy::Direct;
    settings.rules.guard.reserve_bytes = 0;
    settings.bundle.stall = Duration::from_secs(20);
    settings
}

fn order(url: &str, sha256: &str, size: u64) -> BundleOrder {
    BundleOrder {
        source: BundleSource::Url { url: url.to_owned() },
        sha256: sha256.parse().expect("a digest"),
        size: Some(size),
        version: None,
        manifest: None,
    }
}
