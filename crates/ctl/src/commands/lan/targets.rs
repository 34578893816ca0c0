//! Which devices are meant: addresses, names of the site file, or all of it.

use std::io::{IsTerminal, Write, stdin};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use belay_terminal::quantity::counted;
use futures_util::StreamExt;

use crate::arguments::{Connection, Told};
use crate::error::CtlError;
use crate::lan::{Host, Kind, Order, PORT, Scope, Site, Target, look, read_token};
use crate::output::Output;
use crate::render::lan::address;

use super::gather;

/// How long a device that the site file does not know may take to say what it is.
const INTRODUCTION: Duration = Duration::from_secs(4);

/// The devices that `--to` names, each once, in the order in which they were named.
pub(super) async fn resolve(output: &Output, connection: &Connection, told: &Told) -> Result<Vec<Target>, CtlError> {
    let token = connection.token_file.as_deref().map(read_token).transpose()?;
    let site = Site::load(told.site.site.as_deref())?;
    let mut hosts: Vec<Host> = Vec::new();
    let mut by_name = Vec::new();
    for word in &told.to {
        let named = match word.as_str() {
            "all" if site.devices.is_empty() => every(output, token.is_some()).await?,
            "all" => site.devices.iter().map(crate::lan::SiteDevice::host).collect(),
            word => {
                let host = named(&site, word)?;
                by_name.push(host.address);
                vec![host]
            }
        };
        for host in named {
            if !hosts.iter().any(|known| known.address == host.address) {
                hosts.push(host);
            }
        }
    }
    if hosts.is_empty() {
        return Err(CtlError::Usage("there is no device to tell: see `belayctl lan scan`".to_owned()));
    }
    let known = |host: &Host| site.devices.iter().any(|device| device.address == host.address);
    let asked = hosts.into_iter().map(|host| async { if known(&host) { host } else { introduced(host).await } });
    let hosts: Vec<Host> = futures_util::stream::iter(asked).buffered(64).collect().await;
    let with_token = |host: Host| match site.of(host.address) {
        None if by_name.contains(&host.address) => Ok(Target { host, token: token.clone() }),
        Some(_) | None => site.target(host, token.as_ref()),
    };
    let targets: Vec<Target> = hosts.into_iter().map(with_token).collect::<Result<_, CtlError>>()?;
    match targets.iter().find(|target| target.is_in_clear() && !connection.plain_http) {
        Some(target) => Err(CtlError::Usage(format!(
            "what is said to {} is not encrypted, so its token could be read on the way: --plain-http if you mean it",
            address(target.host.address)
        ))),
        None => Ok(targets),
    }
}

async fn every(output: &Output, token: bool) -> Result<Vec<Host>, CtlError> {
    output.tell("there is no device in the site file, so all that are found now are meant");
    if token {
        let advice = "`belayctl lan scan --save` keeps them, and you can look whether they are yours";
        output.tell(&format!("the token is not shown to whoever is only found: {advice}"));
    }
    Ok(gather(output, Scope::here()?).await.0)
}

fn named(site: &Site, word: &str) -> Result<Host, CtlError> {
    let known = |address: SocketAddr| site.devices.iter().find(|device| device.address == address);
    let place = word.parse::<SocketAddr>().ok().or_else(|| word.parse::<IpAddr>().ok().map(|ip| (ip, PORT).into()));
    if let Some(place) = place {
        return Ok(known(place).map_or_else(|| Host::new(place, Kind::Agent), crate::lan::SiteDevice::host));
    }
    let mut same = site.devices.iter().filter(|device| device.name.as_deref() == Some(word));
    match (same.next(), same.next()) {
        (Some(device), None) => Ok(device.host()),
        (Some(_), Some(_)) => {
            Err(CtlError::Usage(format!("{word} names several devices of the site file: use an address")))
        }
        (None, _) => Err(CtlError::Usage(format!(
            "{word} is no address and no name of the site file; {}",
            match site.devices.iter().filter_map(|device| device.name.as_deref()).collect::<Vec<_>>().as_slice() {
                [] => "`belayctl lan scan --save` makes one".to_owned(),
                names => format!("it has {}", names.join(", ")),
            }
        ))),
    }
}

/// What a device is; as it was assumed to be where it does not answer, which is said when it is told.
async fn introduced(host: Host) -> Host {
    match look(host.address, INTRODUCTION).await {
        Ok(found) => Host { name: host.name, ..found },
        Err(_) => host,
    }
}

/// Asks the person at the terminal before devices that cannot undo are touched.
///
/// # Errors
/// When there are such devices and nobody can be asked.
pub(super) fn are_meant(output: &Output, targets: &[Target], order: &Order) -> Result<bool, CtlError> {
    let old: Vec<String> = targets
        .iter()
        .filter(|target| target.host.kind == Kind::Flask)
        .map(|target| address(target.host.address))
        .collect();
    if old.is_empty() {
        return Ok(true);
    }
    if !output.is_watched() || !stdin().is_terminal() {
        return Err(CtlError::Usage(format!(
            "nobody can be asked here whether old devices are meant, which cannot undo: {}: say --yes if they are",
            old.join(", ")
        )));
    }
    let what = match order {
        Order::Update { .. } => "what fails there stays as it is",
        Order::Rollback => {
            "it asks apt for the versions that it noted after its last update, and does not look whether they come"
        }
    };
    let question = format!(
        "{} of {} cannot undo, for the old Flask program runs there: {}\n({what})\nGo on? [y/N] ",
        old.len(),
        counted(targets.len() as u64, "device"),
        old.join(", ")
    );
    let broken = |source| CtlError::File { path: "the terminal".into(), source };
    let mut terminal = std::io::stderr().lock();
    terminal.write_all(question.as_bytes()).and_then(|()| terminal.flush()).map_err(broken)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(broken)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
