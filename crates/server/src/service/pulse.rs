//! Whether the engine still turns.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// When the engine last turned, or will have rested.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(clock::monotonic()))
    }
}

impl Pulse {
    /// The engine turns, and rests for so long.
    pub(super) fn beat(&self, rest: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clock::monotonic() + rest;
    }

    /// Whether it turned that recently.
    pub(crate) fn is_within(&self, patience: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= patience
    }
}
