//! Listening to devices that announce themselves by mDNS, under `_belay._tcp`.

use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::Instant;

use super::device::{Device, client};
use super::{Found, Scope, said};

/// What agents announce themselves as.
const SERVICE: &str = "_belay._tcp.local.";

/// Listens as long as the scope says, and asks whoever announces itself what it is.
pub(super) async fn listen(scope: &Scope, found: &Sender<Found>) {
    // Whoever announces itself is there and answers soon; the network's other addresses have more time to.
    let Some(http) = client(scope.within / 5).ok().filter(|_| scope.announced) else { return };
    let (announcements, mut heard) = mpsc::channel(64);
    let until = Instant::now() + scope.within * 11 / 20;
    let listening = tokio::task::spawn_blocking(move || hear(until, &announcements));
    let mut asked = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((address, name)) = heard.recv() => asked.push(ask(address, name, scope, &http)),
            Some(answer) = asked.next(), if !asked.is_empty() => {
                let _ = found.send(answer).await;
            }
            else => break,
        }
    }
    if let Ok(Err(problem)) = listening.await {
        let _ = found.send(Found::Remark(format!("announcements cannot be heard: {problem}"))).await;
    }
}

/// Passes on every announcement until the time is up.
fn hear(until: Instant, announcements: &Sender<(SocketAddr, String)>) -> Result<(), mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    let events = daemon.browse(SERVICE)?;
    while let Ok(event) = events.recv_deadline(until.into_std()) {
        if let ServiceEvent::ServiceResolved(service) = event {
            for place in places(&service) {
                let _ = announcements.blocking_send(place);
            }
        }
    }
    // It has a thread of its own, which otherwise would stay.
    let _ = daemon.shutdown();
    Ok(())
}

/// Where a service is, and the name that it goes by.
fn places(service: &ResolvedService) -> Vec<(SocketAddr, String)> {
    let name = instance(service.get_fullname());
    let addresses = service.get_addresses_v4().into_iter();
    let mut places: Vec<_> =
        addresses.map(|address| (SocketAddr::from((address, service.get_port())), name.clone())).collect();
    places.sort_unstable();
    places
}

/// What stands before the service in a full name.
fn instance(full: &str) -> String {
    let cut = full.len().checked_sub(SERVICE.len()).and_then(|end| full.split_at_checked(end));
    let name = match cut {
        Some((name, service)) if service.eq_ignore_ascii_case(SERVICE) => name.strip_suffix('.').unwrap_or(name),
        Some(_) | None => full,
    };
    said::name(&name.replace('\\', "")).unwrap_or_default()
}

async fn ask(address: SocketAddr, name: String, scope: &Scope, http: &reqwest::Client) -> Found {
    if !scope.is_near(address.ip()) {
        return Found::Remark(format!(
            "{name} announces itself at {address}, which is in no network of this machine: nobody is asked there"
        ));
    }
    match Device::new(http.clone(), address, None).look(scope.within * 9 / 20).await {
        Ok(mut host) => {
            (host.name, host.announced) = (Some(name).filter(|name| !name.is_empty()).or(host.name), true);
            Found::Device(host)
        }
        Err(silence) => Found::Remark(format!(
            "{name} announces itself at {address}, but {silence}; an agent listens there once `control.listen` says so"
        )),
    }
}

#[cfg(test)]
mod tests;
