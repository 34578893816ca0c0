//! Notes to systemd: ready, stopping, alive, and one line of status. Without systemd they go nowhere.

use std::time::Duration;

use sd_notify::NotifyState;

/// The server answers at its doors.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The server is about to end.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    send(&[NotifyState::Status(line)]);
}

/// The server still turns.
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
mod tests {
    use super::*;

    #[test]
    fn without_systemd_nothing_is_sent_and_nothing_fails() {
        assert!(std::env::var_os("NOTIFY_SOCKET").is_none(), "this test is about a process that systemd did not start");
        ready();
        alive();
        status("20 devices");
        stopping();
        assert_eq!(watchdog_interval(), None);
    }
}
