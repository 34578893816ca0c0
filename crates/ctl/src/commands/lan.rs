//! `belayctl lan …`: no server is asked, only devices.

mod show;
mod targets;

use std::io::{Read, stdin};
use std::path::Path;
use std::time::Duration;

use belay_protocol::{PackageList, PackageSpec};
use belay_terminal::quantity::{counted, duration};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::arguments::{Connection, Lan, Push, RollBack, Scan, Told};
use crate::error::CtlError;
use crate::exit::Exit;
use crate::files;
use crate::lan::answers::{Carried, Ended, Rehearsed, Scanned};
use crate::lan::{Found, Host, Kind, Order, Outcome, Pace, Scope, Site, Target};
use crate::output::Output;
use crate::{lan, render};

/// Does what was written. The token file is the devices': an operator's token is for a server and never sent to a device.
pub(super) async fn run(output: &Output, connection: &Connection, verb: Lan) -> Result<Exit, CtlError> {
    let token_file = connection.token_file.as_deref();
    match verb {
        Lan::Scan(scan) => find(output, scan).await,
        Lan::Push(push) => install(output, connection, push).await,
        Lan::RollBack(RollBack { told }) => {
            let targets = targets::resolve(output, connection, &told).await?;
            order(output, targets, Order::Rollback, pace(&told, connection), told.yes).await
        }
        Lan::Ui(ui) => crate::ui::run(output, token_file, connection.plain_http, ui).await,
    }
}

async fn find(output: &Output, scan: Scan) -> Result<Exit, CtlError> {
    let scope = if scan.subnet.is_empty() { Scope::here()? } else { Scope::named(scan.subnet.clone()) };
    let scope = Scope { port: scan.port, within: Duration::from_secs(scan.timeout), ..scope };
    let path = scan.site.site.clone().map_or_else(Site::place, Ok);
    let mut site = match &path {
        Ok(path) => Site::load(Some(path))?,
        // Only who saves needs a place for it.
        Err(_) => Site::default(),
    };
    if let Some(long) = scope.long() {
        output.tell(&format!("asking every address takes up to {}", duration(long.as_secs())));
    }
    let began = Instant::now();
    let networks = scope.subnets.iter().map(ToString::to_string).collect();
    let (mut devices, remarks) = gather(output, scope).await;
    devices.iter_mut().for_each(|host| site.name(host));
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if scan.save {
        let path = path?;
        let saved = site.take(&devices);
        site.save(&path)?;
        let missing = match saved.missing {
            0 => String::new(),
            count => format!(", {} not found now and kept", counted(count as u64, "device")),
        };
        output.tell(&format!("kept in {}: {} new{missing}", path.display(), counted(saved.new as u64, "device")));
    }
    output.answer(&Scanned { devices, networks, remarks, duration_ms }, render::lan::scanned);
    Ok(Exit::Done)
}

/// Looks for devices, and says at once what a person should know.
async fn gather(output: &Output, scope: Scope) -> (Vec<Host>, Vec<String>) {
    let spinner = output.bar(0, "{spinner} {msg}");
    spinner.set_message("looking for devices");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let (mut devices, mut remarks) = (Vec::new(), Vec::new());
    let mut found: Receiver<Found> = lan::scan(scope);
    while let Some(found) = found.recv().await {
        match found {
            Found::Device(host) => lan::add(&mut devices, host),
            Found::Remark(remark) if !remarks.contains(&remark) => remarks.push(remark),
            Found::Remark(_) => {}
        }
        spinner.set_message(format!("looking for devices: {} so far", devices.len()));
    }
    spinner.finish_and_clear();
    remarks.iter().for_each(|remark| output.tell(remark));
    (devices, remarks)
}

async fn install(output: &Output, connection: &Connection, push: Push) -> Result<Exit, CtlError> {
    let (name, list) = read_list(&push.what)?;
    if list.is_empty() {
        return Err(CtlError::Usage(format!("{name} names no package: there is nothing to install")));
    }
    let targets = targets::resolve(output, connection, &push.told).await?;
    if push.dry_run {
        let packages: Vec<String> = list.specs().iter().map(ToString::to_string).collect();
        let devices = lan::rehearse(&targets, &packages, pace(&push.told, connection)).await;
        let outcomes: Vec<Outcome> = devices.iter().map(|device| device.outcome).collect();
        output.answer(&Rehearsed { devices }, render::lan::rehearsed);
        return Ok(exit(&outcomes));
    }
    let pinned = list.specs().iter().find(|spec| spec.version.is_some());
    if let Some(pinned) = pinned.filter(|_| targets.iter().any(|target| target.host.kind == Kind::Flask)) {
        output.tell(&format!(
            "{pinned}: an old device can install a version that is named, but its rollback fails on that line"
        ));
    }
    order(output, targets, Order::Update { name, list }, pace(&push.told, connection), push.told.yes).await
}

/// Reads a list as the agent's own command line does: a file, `-`, or packages.
fn read_list(what: &[String]) -> Result<(String, PackageList), CtlError> {
    let (name, text) = match what {
        [only] if only == "-" => {
            let mut text = String::new();
            let path = "standard input";
            stdin().read_to_string(&mut text).map_err(|source| CtlError::File { path: path.into(), source })?;
            (path.to_owned(), text)
        }
        [only] if Path::new(only).is_file() => (only.clone(), files::read(Path::new(only))?.unwrap_or_default()),
        [only] if only.contains('/') => {
            let problem = "there is no such file, and no package has a name like that";
            return Err(CtlError::Usage(format!("{only}: {problem}")));
        }
        packages => {
            for package in packages {
                package.parse::<PackageSpec>().map_err(|error| CtlError::Usage(error.to_string()))?;
            }
            ("list.txt".to_owned(), packages.join("\n"))
        }
    };
    let list: PackageList = text.parse().map_err(|error| CtlError::Usage(format!("{name}: {error}")))?;
    let base = Path::new(&name).file_name().map_or_else(|| name.clone(), |base| base.to_string_lossy().into_owned());
    Ok((base, list))
}

async fn order(output: &Output, targets: Vec<Target>, order: Order, pace: Pace, yes: bool) -> Result<Exit, CtlError> {
    if !yes && !targets::are_meant(output, &targets, &order)? {
        output.tell("nothing was sent");
        return Ok(Exit::Refused);
    }
    let hosts: Vec<Host> = targets.iter().map(|target| target.host.clone()).collect();
    let ends = show::follow(output, &hosts, lan::carry_out(targets, order, pace)).await;
    let devices: Vec<Ended> =
        hosts.into_iter().zip(ends).map(|(host, end)| Ended { address: host.address, name: host.name, end }).collect();
    let outcomes: Vec<Outcome> = devices.iter().map(|ended| ended.end.outcome).collect();
    let done = outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count();
    output.answer(&Carried { devices, done }, render::lan::carried);
    Ok(exit(&outcomes))
}

fn pace(told: &Told, connection: &Connection) -> Pace {
    Pace {
        parallel: usize::try_from(told.parallel).unwrap_or(usize::MAX),
        timeout: Duration::from_secs(told.timeout),
        plain_http: connection.plain_http,
    }
}

/// How the process ends where several devices were told.
fn exit(outcomes: &[Outcome]) -> Exit {
    let all = |wanted: Outcome| outcomes.iter().all(|outcome| *outcome == wanted);
    let needs_person = |outcome: &Outcome| matches!(outcome, Outcome::NeedsAttention | Outcome::Silent);
    if all(Outcome::Done) {
        Exit::Done
    } else if outcomes.iter().any(needs_person) {
        Exit::NeedsAttention
    } else if all(Outcome::Unreachable) {
        Exit::Unreachable
    } else if all(Outcome::Refused) {
        Exit::Refused
    } else {
        Exit::NotDeployed
    }
}

#[cfg(test)]
mod tests;
