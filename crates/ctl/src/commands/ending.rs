//! Being told to end: whoever is in the middle of something says how far it came.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C, or what ends a service.
pub(super) async fn told_to_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
