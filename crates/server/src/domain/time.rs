//! Instants to come.

use jiff::{SignedDuration, Timestamp};

/// So many seconds later; the last instant there is, where that lies beyond it.
pub(crate) fn after(instant: Timestamp, seconds: u64) -> Timestamp {
    let duration = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}
