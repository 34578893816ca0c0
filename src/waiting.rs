//! Waits that the loops of daemon and host have in common.

use tokio::time::Interval;

/// The next turn of an interval; never, where there is none.
pub(crate) async fn next_beat(beat: &mut Option<Interval>) {
    match beat {
        None => std::future::pending().await,
        Some(beat) => {
            beat.tick().await;
        }
    }
}

/// The end of work that must not hold up the loop; its panic is ours.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
