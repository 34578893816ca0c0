//! Notes to systemd, and who feeds its watchdog: the loop of a daemon, the work of a host.

use std::sync::atomic::{AtomicBool, Ordering};

pub use belay_telemetry::notify::{alive, ready, status, stopping, watchdog_interval};

/// What the status says once a process knows where it stands and takes orders.
pub const IN_SERVICE: &str = "in service";

/// As [`alive`], from within the work of a host, whose steps take long: cheap, so that they may say it often.
pub fn at_work() {
    if FED_BY_WORK.load(Ordering::Relaxed) {
        alive();
    }
}

/// From here on the steps of the work feed the watchdog.
pub fn feed_by_work() {
    FED_BY_WORK.store(watchdog_interval().is_some(), Ordering::Relaxed);
}

/// Children of a daemon are no sign that its loop turns; those of a host are its work.
static FED_BY_WORK: AtomicBool = AtomicBool::new(false);
