//! Notes to systemd: ready, stopping, alive, and one line of status. Without systemd they go nowhere.

use std::time::Duration;

use sd_notify::NotifyState;

/// The process takes connections; with a line of status where it has one.
pub fn ready(status: Option<&str>) {
    match status {
        Some(status) => send(&[NotifyState::Ready, NotifyState::Status(status)]),
        None => send(&[NotifyState::Ready]),
    }
}

/// The process is about to end.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    send(&[NotifyState::Status(line)]);
}

/// The loop that does the work still turns.
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be said: half of what the unit's `WatchdogSec` allows. None where nobody listens.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn send(notes: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(notes) {
        tracing::debug!(%error, "systemd was not told");
    }
}

#[cfg(test)]
mod tests;
