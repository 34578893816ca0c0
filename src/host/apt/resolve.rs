//! Resolves a package list into changes: update on private lists, simulate, ask for the archives' addresses.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::plan::{Action, Candidate, Change, Installed};
use belay_protocol::{Failure, PackageId, PackageList, PackageSpec, Reason};

use crate::host::command::{Command, CommandError, Finished};
use crate::host::device::{Inventory, PackageRecord};

use super::parse::{self, Address, Step};
use super::status_fd::{self, Report};
use super::{AptDevice, complaint};

pub(super) fn resolve(
    device: &AptDevice,
    list: &PackageList,
    progress: &dyn Fn(f32, &str),
) -> Result<Vec<Change>, Failure> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    if device.dpkg.was_interrupted() {
        // One that is still at work leaves the same traces.
        drop(device.lock.acquire(device.settings.packages.lock_timeout)?);
    }
    if device.dpkg.was_interrupted() {
        let message = "dpkg was interrupted and did not clean up; run dpkg --configure -a, then try again";
        return Err(Failure::new(Reason::DeviceBroken, message));
    }
    let inventory = device.dpkg.inventory(&device.architecture)?;
    update(device, progress)?;
    let specs: Vec<String> = list.specs().iter().map(|spec| argument(device, spec)).collect();
    progress(70.0, "resolving dependencies");
    let steps = simulate(device, &specs)?;
    let installs = steps.iter().any(|step| matches!(step, Step::Install { .. }));
    progress(85.0, "asking for the archives' addresses");
    let addresses = if installs { addresses(device, &specs)? } else { Vec::new() };
    let changes = changes(device, list, &inventory, steps, &addresses)?;
    check_versions(list, &inventory, &changes)?;
    check_states(&inventory, &changes)?;
    progress(100.0, "resolved");
    Ok(changes)
}

/// Reads the device's sources anew. Without this step going well nothing is planned on old lists.
fn update(device: &AptDevice, progress: &dyn Fn(f32, &str)) -> Result<(), Failure> {
    progress(0.0, "reading the package sources");
    let command = device.planning("apt-get")?.args(["-o", "APT::Status-Fd=3", "update"]);
    let finished = command.run_with_status(&mut |line| {
        if let Some(Report::Download(percent, text)) = status_fd::parse(line) {
            progress(percent * 0.7, &text);
        }
    });
    let finished = finished.map_err(|error| Failure::new(Reason::SourcesUnavailable, error.to_string()))?;
    if finished.success() { Ok(()) } else { Err(complaint::of_sources(&finished.stderr)) }
}

fn simulate(device: &AptDevice, specs: &[String]) -> Result<Vec<Step>, Failure> {
    let finished = plan(device.planning("apt-get")?.args(["-s", "-V", "install"]).args(specs))?;
    parse::simulation(&finished.stdout).map_err(|line| not_understood(&line))
}

fn addresses(device: &AptDevice, specs: &[String]) -> Result<Vec<Address>, Failure> {
    let options = ["--print-uris", "-o", "Acquire::ForceHash=SHA256", "install"];
    let finished = plan(device.planning("apt-get")?.args(options).args(specs))?;
    parse::addresses(&finished.stdout).map_err(|line| not_understood(&line))
}

fn plan(command: Command) -> Result<Finished, Failure> {
    let finished = command.run().map_err(|error: CommandError| Failure::new(Reason::AptFailed, error.to_string()))?;
    if !finished.success() {
        return Err(complaint::of_planning(&finished.stdout, &finished.stderr));
    }
    if !finished.complete {
        return Err(Failure::new(Reason::AptFailed, "apt-get said more than can be read; ask for fewer packages"));
    }
    Ok(finished)
}

fn argument(device: &AptDevice, spec: &PackageSpec) -> String {
    let package = device.argument(&spec.package);
    match &spec.version {
        None => package,
        Some(version) => format!("{package}={version}"),
    }
}

fn changes(
    device: &AptDevice,
    list: &PackageList,
    inventory: &Inventory,
    steps: Vec<Step>,
    addresses: &[Address],
) -> Result<Vec<Change>, Failure> {
    let addresses: BTreeMap<&str, &Address> =
        addresses.iter().map(|address| (address.file_name.as_str(), address)).collect();
    let asked: BTreeSet<&PackageId> = list.specs().iter().map(|spec| &spec.package).collect();
    let mut changes: BTreeMap<PackageId, Change> = BTreeMap::new();
    for step in steps {
        let (package, action, new) = match step {
            Step::Install { package, old, new, architecture, origins } => {
                let id = device.package_id(&package).ok_or_else(|| not_understood(&package))?;
                let action = match old {
                    None => Action::Install,
                    Some(old) if old == new => Action::Reinstall,
                    Some(old) if old < new => Action::Upgrade,
                    Some(_) => Action::Downgrade,
                };
                let file_name = parse::file_name(id.name().as_str(), &new, &architecture);
                let address = addresses.get(file_name.as_str()).ok_or_else(|| no_address(&id))?;
                let sha256 = address.sha256.ok_or_else(|| no_digest(&id))?;
                let (uri, size) = (address.uri.clone(), address.size);
                (id, action, Some(Candidate { version: new, architecture, origins, uri, file_name, size, sha256 }))
            }
            Step::Remove { package, purge } => {
                let id = device.package_id(&package).ok_or_else(|| not_understood(&package))?;
                (id, if purge { Action::Purge } else { Action::Remove }, None)
            }
            Step::Configure { package } => {
                let id = device.package_id(&package).ok_or_else(|| not_understood(&package))?;
                // Every unpacked package is configured; only one that is not unpacked is a change of its own.
                if changes.contains_key(&id) {
                    continue;
                }
                (id, Action::Configure, None)
            }
        };
        let record = inventory.packages.get(&package);
        let old = record.filter(|record| has_files(record)).and_then(installed);
        let held = record.is_some_and(|record| record.want == "hold");
        let asked = asked.contains(&package);
        changes.insert(package.clone(), Change { package, action, old, new, asked, held });
    }
    Ok(changes.into_values().collect())
}

/// apt takes a version that ends in `-` or `+` for an order; whatever it understood, the outcome is looked at.
fn check_versions(list: &PackageList, inventory: &Inventory, changes: &[Change]) -> Result<(), Failure> {
    for spec in list.specs() {
        let Some(version) = &spec.version else { continue };
        let change = changes.iter().find(|change| change.package == spec.package);
        let after = match change {
            Some(change) if change.action != Action::Configure => change.new.as_ref().map(|new| &new.version),
            Some(_) | None => inventory.packages.get(&spec.package).and_then(|record| record.version.as_ref()),
        };
        if after != Some(version) {
            let message = format!("no source offers {} in version {version}", spec.package);
            return Err(Failure::new(Reason::VersionUnavailable, message));
        }
    }
    Ok(())
}

/// A half-installed package breaks apt's next run; only one that is replaced anyway may be there.
fn check_states(inventory: &Inventory, changes: &[Change]) -> Result<(), Failure> {
    let replaced =
        |package: &PackageId| changes.iter().any(|change| &change.package == package && change.new.is_some());
    // What apt would only configure is no update: whoever broke it has to say what it should be.
    let is_configured_only = |package: &PackageId| {
        changes.iter().any(|change| &change.package == package && change.action == Action::Configure)
    };
    let broken = inventory.packages.values().find(|record| {
        let half = record.status == "half-installed" || record.flag != "ok" || is_configured_only(&record.package);
        half && !replaced(&record.package)
    });
    let Some(PackageRecord { package, status, flag, .. }) = broken else { return Ok(()) };
    let message = format!(
        "{package} is {status} ({flag}) and nothing of ours left it so; \
         repair it (dpkg --configure -a, else apt-get --reinstall install {package}), then try again"
    );
    Err(Failure::new(Reason::DeviceBroken, message))
}

fn has_files(record: &PackageRecord) -> bool {
    !matches!(record.status.as_str(), "config-files" | "not-installed")
}

fn installed(record: &PackageRecord) -> Option<Installed> {
    Some(Installed { version: record.version.clone()?, architecture: record.architecture.clone() })
}

fn no_address(package: &PackageId) -> Failure {
    Failure::new(Reason::AptFailed, format!("apt-get names no address for the archive of {package}"))
}

fn no_digest(package: &PackageId) -> Failure {
    let message = format!("the package source gives no SHA-256 digest for {package}, so it cannot be trusted");
    Failure::new(Reason::SourcesUnavailable, message)
}

fn not_understood(line: &str) -> Failure {
    Failure::new(Reason::AptFailed, format!("apt-get said what cannot be understood: {line:?}"))
}
