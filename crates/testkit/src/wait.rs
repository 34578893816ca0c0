//! Waiting for a condition; the only place of the test kit that sleeps.

use std::thread;
use std::time::{Duration, Instant};

/// How long to sleep between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer, and returns it.
///
/// # Panics
/// When `deadline` passes without an answer; the message names `what` was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, deadline: Duration, condition: impl FnMut() -> Option<T>) -> T {
    match try_wait_until(deadline, condition) {
        Some(answer) => answer,
        None => panic!("waited {deadline:?} in vain for {what}"),
    }
}

/// Asks again and again until there is an answer or `deadline` passes.
#[expect(clippy::disallowed_methods, reason = "a deadline for real processes needs the real clock")]
pub fn try_wait_until<T>(deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}
