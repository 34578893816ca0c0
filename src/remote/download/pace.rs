//! How fast bytes may come: so many a second on average, with at most one second's worth at once.

use std::time::{Duration, Instant};

/// A limit on the rate.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    rate: f64,
    paid: Option<Instant>,
}

/// How far behind its rate a stream may catch up.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    /// So many bytes a second.
    pub(super) fn new(rate: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nobody sets a rate to the byte")]
        let rate = rate.max(1) as f64;
        Self { rate, paid: None }
    }

    /// Bytes came at `now`: how long to wait before the next ones.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) -> Duration {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let paid = self.paid.unwrap_or(now).max(earliest);
        #[expect(clippy::cast_precision_loss, reason = "it is one piece of a stream")]
        let costs = Duration::from_secs_f64(bytes as f64 / self.rate);
        let paid = paid + costs;
        self.paid = Some(paid);
        paid.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests;
