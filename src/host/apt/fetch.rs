//! Fetches archives: from this machine's disk in place, from elsewhere with apt's own methods and checks.

use std::cell::Cell;
use std::path::Path;

use belay_protocol::plan::{Candidate, Change};
use belay_protocol::{Failure, PackageId, Reason};

use super::status_fd::{self, Report};
use super::{AptDevice, cannot_write, complaint, parse};

pub(super) fn fetch(
    device: &AptDevice,
    changes: &[Change],
    take: &mut dyn FnMut(&Change, &Path) -> Result<(), Failure>,
    progress: &dyn Fn(f32, &str),
) -> Result<(), Failure> {
    let wanted = || changes.iter().filter_map(|change| change.new.as_ref().map(|new| (change, new)));
    let remote: Vec<(&Change, &Candidate)> =
        wanted().filter(|(_, new)| parse::local_path(&new.uri).is_none()).collect();
    let total = u64::max(wanted().map(|(_, new)| new.size).sum(), 1);
    let mut done: u64 = 0;
    let begin = if remote.is_empty() { 0.0 } else { DOWNLOADING };
    if !remote.is_empty() {
        let folder = fresh_folder(device)?;
        let specs = remote.iter().map(|(change, new)| (&change.package, new.version.as_str()));
        // A download that is tried again would go back in percent.
        let highest = Cell::new(0.0_f32);
        download(device, &folder, specs, &|percent, text| {
            highest.set(highest.get().max(percent * DOWNLOADING));
            progress(highest.get(), text);
        })?;
    }
    for (change, new) in wanted() {
        match parse::local_path(&new.uri) {
            Some(path) if path.is_file() => take(change, &path)?,
            Some(path) => {
                let message = format!("the package source no longer has {}; its index is out of date", path.display());
                return Err(Failure::new(Reason::SourcesUnavailable, message));
            }
            None => {
                let path = device.settings.work.join(FOLDER).join(&new.file_name);
                take(change, &path)?;
                // The caller has its own copy; two of everything may not fit the disk.
                std::fs::remove_file(&path).map_err(|error| cannot_write(&path, &error))?;
            }
        }
        done += new.size;
        let share = begin + (1.0 - begin) * (done as f32 / total as f32);
        progress(share * 100.0, &format!("fetched {}", change.package));
    }
    Ok(())
}

/// Downloads archives of exact versions into `folder`, under apt's own file names.
pub(super) fn download<'a>(
    device: &AptDevice,
    folder: &Path,
    specs: impl Iterator<Item = (&'a PackageId, &'a str)>,
    progress: &dyn Fn(f32, &str),
) -> Result<(), Failure> {
    let specs = specs.map(|(package, version)| format!("{}={version}", device.argument(package)));
    let command = device.planning("apt-get")?.args(["-o", "APT::Status-Fd=3", "download"]).args(specs).folder(folder);
    let finished = command.run_with_status(&mut |line| {
        if let Some(Report::Download(percent, text)) = status_fd::parse(line) {
            progress(percent, &text);
        }
    });
    let finished = finished.map_err(|error| Failure::new(Reason::SourcesUnavailable, error.to_string()))?;
    if finished.success() {
        return Ok(());
    }
    if let Some(file) = complaint::mismatches(&finished.stderr).first() {
        let message =
            format!("{file} does not have the digest that the package source's index gives; nothing was installed");
        return Err(Failure::new(Reason::DigestMismatch, message));
    }
    Err(complaint::of_sources(&finished.stderr))
}

/// An empty folder that apt's own user may write to, where apt drops its rights.
pub(super) fn fresh_folder(device: &AptDevice) -> Result<std::path::PathBuf, Failure> {
    let path = device.settings.work.join(FOLDER);
    match std::fs::remove_dir_all(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_write(&path, &error)),
    }
    device.make_folder(FOLDER)?;
    if nix::unistd::geteuid().is_root()
        && let Ok(Some(user)) = nix::unistd::User::from_name("_apt")
    {
        nix::unistd::chown(&path, Some(user.uid), None).map_err(|error| cannot_write(&path, &error.into()))?;
    }
    Ok(path)
}

/// How much of fetching is downloading, where there is something to download; the rest is copying and hashing.
const DOWNLOADING: f32 = 0.8;

const FOLDER: &str = "fetch";
