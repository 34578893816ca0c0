//! What the hot path counts, as plain numbers: whoever serves metrics reads them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the hot path counts.
#[derive(Debug, Default)]
pub struct Stats {
    /// How long syncs took to be answered, in seconds.
    pub sync_seconds: Histogram<SECONDS>,
    /// How many syncs one transaction made durable.
    pub batch_size: Histogram<SIZES>,
    /// Syncs answered from memory.
    pub idle: Counter,
    /// Syncs whose content was made durable.
    pub recorded: Counter,
    /// Syncs that were not taken because too many were waiting.
    pub busy: Counter,
    /// Syncs refused: an unknown key, a revoked device, an invalid request.
    pub refused: Counter,
    /// Syncs waiting to be made durable, now.
    pub waiting: Counter,
    /// Devices whose state had to be read from the database.
    pub read: Counter,
    /// What the engine decided, by the decision's word.
    pub decisions: Words,
}

/// A number that goes up; for what is waiting, down as well.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, less: usize) {
        self.0.fetch_sub(less as u64, Ordering::Relaxed);
    }
}

/// How often each word came.
#[derive(Debug, Default)]
pub struct Words(Mutex<BTreeMap<&'static str, u64>>);

impl Words {
    /// The words that came, each with how often.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, word: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(word).or_default() += 1;
    }
}

/// How often what was measured lay below each bound.
#[derive(Debug)]
pub struct Histogram<const BOUNDS: usize> {
    bounds: [f64; BOUNDS],
    counts: [AtomicU64; BOUNDS],
    above: AtomicU64,
    /// In millionths.
    sum: AtomicU64,
}

impl<const BOUNDS: usize> Histogram<BOUNDS> {
    fn new(bounds: [f64; BOUNDS]) -> Self {
        Self {
            bounds,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    /// What was measured: for each bound how often at most that much and more than the bound before, then how often
    /// more than all.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        let below = self.bounds.iter().zip(&self.counts).map(|(bound, count)| (*bound, count.load(Ordering::Relaxed)));
        below.chain([(f64::INFINITY, self.above.load(Ordering::Relaxed))]).collect()
    }

    /// The sum of everything measured.
    pub fn sum(&self) -> f64 {
        Duration::from_micros(self.sum.load(Ordering::Relaxed)).as_secs_f64()
    }

    pub(super) fn observe(&self, value: Duration) {
        let at = self.bounds.iter().position(|bound| value.as_secs_f64() <= *bound);
        at.map_or(&self.above, |at| &self.counts[at]).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(u64::try_from(value.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Default for Histogram<SECONDS> {
    fn default() -> Self {
        Self::new([0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
    }
}

impl Default for Histogram<SIZES> {
    fn default() -> Self {
        Self::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    }
}

const SECONDS: usize = 12;
const SIZES: usize = 8;

#[cfg(test)]
mod tests;
