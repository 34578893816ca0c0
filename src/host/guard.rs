//! The guard unit's program: closes what a power cut left open, and brings back an agent that cannot start.

use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};

use super::apt::program;
use super::disk;
use super::health::systemd;
use super::local::LocalHost;
use crate::config::Settings;
use crate::machine::rescue::{Deed, Standing, deed, units};

/// Where the copy lies that the guard runs from, below the host's folder.
const COPY: &str = "guard/belay-agent";

/// Puts a copy of a program, which lies in the vault, where the guard unit runs it.
pub(super) fn keep_copy(host_dir: &Path, program: &Path) -> Result<(), Failure> {
    let copy = host_dir.join(COPY);
    disk::make_folder(copy.parent().unwrap_or(host_dir))?;
    let new: PathBuf = copy.with_file_name(disk::TEMPORARY);
    let placed = std::fs::remove_file(&new)
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .and_then(|()| std::fs::hard_link(program, &new))
        .and_then(|()| std::fs::rename(&new, &copy))
        .and_then(|()| crate::durable::sync_folder(copy.parent().unwrap_or(host_dir)));
    placed.map_err(|error| disk::failure("keep a copy of this program for the guard at", &copy, &error))
}

/// Looks at the device and at our units, and does what is to be done.
///
/// # Errors
/// A person must look, going back failed, or systemd does not answer.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let on_device = systemd::runs(&settings.root.path);
    let given_up = if on_device { systemd::in_state(&units::ALL, "failed").map_err(silent)? } else { Vec::new() };
    let closed = close(settings, &given_up, on_device);
    // Also where the way back failed: a daemon that runs can say so.
    if on_device {
        revive(&given_up).map_err(silent)?;
    }
    closed
}

/// Starts what systemd gave up on, and sockets that should listen: one that was to be started while its service lived was
/// refused.
fn revive(given_up: &[&str]) -> Result<(), String> {
    let mut units: Vec<&str> = systemd::in_state(&units::SOCKETS, "inactive")?;
    units.retain(|unit| systemd::is_enabled(unit));
    units.extend(given_up);
    if given_up.contains(&units::HOST) && !units.contains(&units::HOST_SOCKET) {
        units.push(units::HOST_SOCKET);
    }
    if units.is_empty() {
        return Ok(());
    }
    tracing::warn!("starting again what does not run and should: {}", units.join(", "));
    systemd::revive(&units)
}

/// Gives the guard this program, where nothing is open that an older one would have to undo.
pub(super) fn renew_copy(host_dir: &Path) -> Result<(), Failure> {
    program::place(Path::new("/proc/self/exe"), &host_dir.join(COPY))
}

/// Closes an open transaction, or leaves it to those who can.
fn close(settings: &Settings, given_up: &[&str], on_device: bool) -> Result<(), Failure> {
    if LocalHost::is_at_work(settings) {
        tracing::info!("the host is at work; nothing to do for the guard");
        return Ok(());
    }
    let host = LocalHost::open(settings)?;
    let standing = host.standing()?;
    match deed(&standing, given_up) {
        Deed::Nothing => {}
        Deed::Recover => host.recover(),
        Deed::TakeBack(because) => host.take_back(&because)?,
        Deed::LetJudge => {
            drop(host);
            return if on_device { systemd::start(&[units::HOST]).map_err(silent) } else { Ok(()) };
        }
    }
    match host.standing()? {
        Standing::Closed | Standing::AwaitsReboot { .. } | Standing::AwaitsVerdict => Ok(()),
        Standing::Stuck(failure) => Err(failure),
        Standing::Between | Standing::Judged => {
            let message = "the device is neither old nor new yet; the guard tries again in some minutes";
            Err(Failure::new(Reason::UndoFailed, message))
        }
    }
}

fn silent(error: String) -> Failure {
    Failure::new(Reason::State, format!("systemd does not answer the guard: {error}"))
}
