//! The one place that reads the clock. Tests set their own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Reads the time of day; cheap to clone.
#[derive(Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that stands still until a test moves it: milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// The present, to the millisecond.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        let milliseconds = match self {
            Self::System => Timestamp::now().as_millisecond(),
            Self::Manual(instant) => instant.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a manual clock; the machine's own stays as it is.
    pub fn advance(&self, by: std::time::Duration) {
        if let Self::Manual(instant) = self {
            instant.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// A point to measure durations from; unlike the time of day it never jumps.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
