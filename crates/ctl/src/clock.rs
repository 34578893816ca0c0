//! The one place that reads the clock.

use jiff::Timestamp;

/// The present, to the second: nobody needs more of a manifest.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
