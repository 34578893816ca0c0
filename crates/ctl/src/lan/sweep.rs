//! Asking every address of the networks in question, many at once.

use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Sender;

use super::device::{Device, Silence};
use super::scope::AT_ONCE;
use super::{Found, Scope};

/// How many addresses that say nothing are named one by one.
const NAMED: usize = 5;

/// Asks every address of the scope. Each part of 256 takes as long as the scope says, at most.
pub(super) async fn sweep(scope: &Scope, http: &reqwest::Client, found: &Sender<Found>) {
    let mut mute = Vec::new();
    for part in scope.addresses().chunks(AT_ONCE) {
        let all = part.iter().map(|address| async {
            let address = SocketAddr::from((*address, scope.port));
            (address, Device::new(http.clone(), address, None).look(scope.within * 9 / 10).await)
        });
        let mut answers: FuturesUnordered<_> = all.collect();
        while let Some((address, answer)) = answers.next().await {
            match answer {
                Ok(host) => {
                    let _ = found.send(Found::Device(host)).await;
                }
                Err(Silence::Mute) => mute.push(address),
                // Whoever looks is not told of what never was a device.
                Err(Silence::Nobody(_) | Silence::Other) => {}
            }
        }
    }
    mute.sort_unstable();
    for remark in remarks(&mute) {
        let _ = found.send(Found::Remark(remark)).await;
    }
}

/// What to say of addresses that take a connection and say nothing: a device that hangs, or a wall before them all.
fn remarks(mute: &[SocketAddr]) -> Vec<String> {
    match mute {
        [first, .., last] if mute.len() > NAMED => vec![format!(
            "{} addresses from {first} to {last} take connections and say nothing: a firewall or proxy answers for them?",
            mute.len()
        )],
        mute => mute.iter().map(|address| format!("{address}: {}", Silence::Mute)).collect(),
    }
}

#[cfg(test)]
mod tests;
