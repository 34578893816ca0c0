//! Looking for devices: those that announce themselves, and every address of the networks asked, at the same time.

use tokio::sync::mpsc;

use super::device::client;
use super::{Found, Scope, announced, sweep};

/// Looks. The channel closes when all have answered or time is up.
pub(crate) fn scan(scope: Scope) -> mpsc::Receiver<Found> {
    let (found, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        for remark in &scope.remarks {
            let _ = found.send(Found::Remark(remark.clone())).await;
        }
        match client(scope.within * 2 / 5) {
            Ok(http) => {
                let swept = sweep::sweep(&scope, &http, &found);
                let heard = announced::listen(&scope, &found);
                tokio::join!(swept, heard);
            }
            Err(problem) => {
                let _ = found.send(Found::Remark(problem)).await;
            }
        }
    });
    receiver
}
