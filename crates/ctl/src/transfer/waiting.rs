//! What a transfer does when it does not move: it says so, waits, and gives up in the end.

use std::time::Duration;

use indicatif::ProgressBar;

use super::bar;
use super::persistence::{PATIENCE, Persistence};
use crate::error::CtlError;
use crate::output::Output;

/// A transfer's bar, and how long what fails is tried again.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) bar: ProgressBar,
    what: &'static str,
    output: &'a Output,
    persistence: Persistence,
    /// Whether the server answered at all.
    answered: bool,
}

impl<'a> Waiting<'a> {
    /// Nothing moved yet of so many bytes.
    pub(super) fn new(size: u64, what: &'static str, output: &'a Output) -> Self {
        let persistence = Persistence::default();
        Self { bar: bar(size, what, output), what, output, persistence, answered: false }
    }

    /// So much is there already; it says nothing of how fast the rest goes.
    pub(super) fn start_at(&self, position: u64) {
        self.bar.set_position(position);
        self.bar.reset_eta();
    }

    /// Something moved.
    pub(super) fn went_well(&mut self) {
        self.answered = true;
        self.persistence.went_well();
    }

    /// Waits before something is tried again, or gives up. Whoever never answered is not waited for: it may be the wrong
    /// address.
    pub(super) async fn wait(&mut self, error: CtlError, after: Option<Duration>) -> Result<(), CtlError> {
        let unknown = !self.answered && matches!(error, CtlError::Unreachable { .. });
        let first = self.persistence.is_fresh();
        let Some(wait) = self.persistence.after_failure(after).filter(|_| !unknown) else { return Err(error) };
        if first {
            self.tell(&format!("{error}; trying again for {} minutes", PATIENCE.as_secs() / 60));
        }
        self.bar.set_message("waiting");
        tokio::time::sleep(wait).await;
        self.bar.set_message(self.what);
        Ok(())
    }

    /// Tells a person something beside the bar.
    pub(super) fn tell(&self, line: &str) {
        self.bar.suspend(|| self.output.tell(line));
    }
}
