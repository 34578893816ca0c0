//! How long to wait after a failure: twice as long each time, up to a limit, and anywhere below that.
//!
//! Full jitter: a fleet that lost its server comes back spread over the whole time, not in waves.

use std::time::Duration;

/// A valid back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

/// What is wrong with a back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a back-off begins above zero and does not end below its beginning")]
pub struct BackoffError;

impl Backoff {
    /// One second, doubled up to five minutes.
    pub const SERVER: Self = Self { base: Duration::from_secs(1), cap: Duration::from_secs(300) };

    /// A back-off from `base` to `cap`.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, BackoffError> {
        if base.is_zero() || cap < base { Err(BackoffError) } else { Ok(Self { base, cap }) }
    }

    /// How long to wait after so many failures in a row; `random` lies in 0..1. Never shorter than the base.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        longest.mul_f64(random.clamp(0.0, 1.0)).max(self.base)
    }
}

#[cfg(test)]
mod tests;
