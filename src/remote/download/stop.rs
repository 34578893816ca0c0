//! The wish that a download ends: for a rollback that was asked for, or because the daemon stops.

use belay_protocol::Failure;
use tokio::sync::watch;

/// What a download looks at: why it is to end, once it is.
pub type Stop = watch::Receiver<Option<Failure>>;

/// Waits for something, or for the wish to stop, which comes first.
pub(super) async fn within<T>(mut stop: Stop, future: impl Future<Output = T>) -> Result<T, Failure> {
    let stopped = async {
        let wish = stop.wait_for(Option::is_some).await.ok().and_then(|wish| wish.clone());
        match wish {
            Some(wish) => wish,
            // Nobody can wish it any more.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        wish = stopped => Err(wish),
        value = future => Ok(value),
    }
}
