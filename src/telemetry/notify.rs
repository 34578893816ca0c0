//! Notes to systemd: ready, stopping, alive, and one line of status. Without systemd they go nowhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// What the status says once a process knows where it stands and takes orders.
pub const IN_SERVICE: &str = "in service";

/// The process takes connections.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The agent is about to end.
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

/// The same from within the work of a host, whose steps take long: cheap, so that they may say it often.
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
        ready("waiting");
        alive();
        status("job 7: planning");
        stopping();
        assert_eq!(watchdog_interval(), None);
    }
}
