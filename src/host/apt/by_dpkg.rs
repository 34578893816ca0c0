//! Carries out a transaction with dpkg alone, with named forces, for when apt cannot.

use std::ffi::OsString;

use belay_protocol::{Failure, Reason};

use crate::host::device::{PackageRef, TransactError, Transaction};
use crate::host::dpkg::argument;
use crate::host::hook;

use super::config::{DPKG_CAUTION, Removals};
use super::status_fd::{self, Report};
use super::transact::goes;
use super::{AptDevice, complaint};

pub(super) fn transact(
    device: &AptDevice,
    transaction: &Transaction,
    progress: &dyn Fn(f32, &str),
) -> Result<(), TransactError> {
    let untouched = TransactError::Untouched;
    let _lock = device.lock.acquire(device.settings.packages.lock_timeout).map_err(untouched)?;
    hook::check_status(&device.dpkg.status_file(), transaction.status).map_err(untouched)?;
    hook::check_archives(&transaction.install).map_err(untouched)?;
    let inventory = device.dpkg.inventory(&device.architecture).map_err(untouched)?;
    let going = |packages: &[PackageRef], removals| -> Vec<OsString> {
        packages.iter().filter(|package| goes(package, removals, &inventory)).map(|one| argument(one).into()).collect()
    };
    // New packages go first: they may be in the way of the old ones.
    run(device, "--remove", going(&transaction.remove, Removals::Keep), progress)?;
    run(device, "--purge", going(&transaction.purge, Removals::Purge), progress)?;
    let files = transaction.install.iter().map(|archive| archive.path.clone().into()).collect();
    run(device, "--unpack", files, progress)?;
    let names = transaction.install.iter().map(|archive| {
        let (package, architecture) = (archive.package.clone(), archive.architecture.clone());
        argument(&PackageRef { package, architecture }).into()
    });
    run(device, "--configure", names.collect(), progress)?;
    run(device, "--triggers-only", vec!["--pending".into()], progress)
}

fn run(device: &AptDevice, verb: &str, what: Vec<OsString>, progress: &dyn Fn(f32, &str)) -> Result<(), TransactError> {
    if what.is_empty() {
        return Ok(());
    }
    progress(0.0, &format!("dpkg {verb}"));
    let command = device.dpkg.command().args(DPKG_CAUTION.map(|option| format!("--{option}")));
    let command = command.args([format!("--force-{FORCES}").as_str(), "--status-fd=3", verb]).args(what);
    let ended = command.env("DPKG_FRONTEND_LOCKED", "true").unit(device.unit()).run_with_status(&mut |line| {
        if let Some(Report::Package(percent, text)) = status_fd::parse(line) {
            progress(percent, &text);
        }
    });
    let (failure, script) = match ended {
        Ok(finished) if finished.success() => return Ok(()),
        Ok(finished) => (complaint::of_transaction("", &finished.stderr), complaint::script(&finished.stderr)),
        Err(error) => (Failure::new(Reason::ApplyFailed, error.to_string()), None),
    };
    Err(TransactError::Touched { failure, script })
}

const FORCES: &str = "downgrade,depends,depends-version,conflicts,breaks,overwrite,overwrite-dir,remove-reinstreq,hold";
