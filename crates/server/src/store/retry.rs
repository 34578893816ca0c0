//! Which failures ask for the same work once more, and how long to wait before it.

use std::time::Duration;

use super::StoreError;

/// The last attempt's number; the first is 0.
pub(super) const LAST: u32 = 9;

/// Whether others were in the way: nothing of the transaction is there, and repeated it may pass.
pub(super) fn is_contention(error: &StoreError) -> bool {
    match error {
        StoreError::Database(sqlx::Error::Database(error)) => {
            error.code().is_some_and(|code| is_contention_code(&code))
        }
        StoreError::Database(_)
        | StoreError::Row { .. }
        | StoreError::Stale
        | StoreError::Newer { .. }
        | StoreError::Schema(_)
        | StoreError::Refused(_)
        | StoreError::File { .. } => false,
    }
}

/// PostgreSQL's codes have five characters; SQLite's are numbers whose lowest byte is the kind of failure.
pub(super) fn is_contention_code(code: &str) -> bool {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => true,
        _ => code.len() < 5 && code.parse().is_ok_and(|code: u32| matches!(code & 0xff, BUSY | LOCKED)),
    }
}

/// Whether the database cannot be reached, or says that it cannot work.
pub(super) fn is_outage(error: &StoreError) -> bool {
    match error {
        StoreError::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| is_outage_code(&code)),
        StoreError::Database(error) => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        ),
        StoreError::Row { .. }
        | StoreError::Stale
        | StoreError::Newer { .. }
        | StoreError::Schema(_)
        | StoreError::Refused(_)
        | StoreError::File { .. } => false,
    }
}

/// PostgreSQL's classes for what is wrong with a connection, resources or the server; SQLite's kinds of failure when its
/// file cannot be had, read or written.
pub(super) fn is_outage_code(code: &str) -> bool {
    let lost = ["08", "53", "57P", "58"].iter().any(|class| code.len() == 5 && code.starts_with(class));
    let kind = code.parse().ok().filter(|_| code.len() < 5).map(|code: u32| code & 0xff);
    lost || kind.is_some_and(|kind| matches!(kind, BUSY | LOCKED | IO | FULL | CANNOT_OPEN))
}

/// Waits before attempt `after + 1`: longer each time, and never as long as others who failed at the same instant.
pub(super) async fn wait(after: u32) {
    let longest = (SHORTEST * 2_u32.saturating_pow(after)).min(LONGEST);
    tokio::time::sleep(longest.mul_f64(0.5 + fraction() / 2.0)).await;
}

/// A random number from 0 to 1.
fn fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness everybody waits equally long; that is slower and no worse.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const IO: u32 = 10;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;

const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
