//! Captured mode: a script runs in a mount namespace over an overlay of the root, so that what it changes is known
//! before the root is touched.

mod began;
mod run;
mod scratch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::Failure;
use serde::{Deserialize, Serialize};

use super::inside::{Ended, Sees};
use super::script::Script;
use super::shims::{Broker, Recorded};
use crate::host::disk;

use began::Began;
pub use scratch::clear;

/// One writable file system of the device, as a script saw it: what it changed lies in `upper`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where the file system is mounted, below the root; empty for the root itself.
    pub at: PathBuf,
    /// What the script wrote.
    pub upper: PathBuf,
    /// How it is to be read.
    pub kind: LayerKind,
}

/// How an upper folder is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// overlayfs with `trusted.overlay.` attributes (root) or `user.overlay.` ones (a user namespace).
    Overlay,
    /// A whole copy of the file system, because FAT cannot be a layer.
    Copy,
}

/// A script that ran over an overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// What it changed.
    pub layers: Vec<Layer>,
    /// What it asked systemd for, in order, to be done once the change is applied.
    pub calls: Vec<ServiceCall>,
    /// Whether it asked for a restart of the device, and how.
    pub reboot: Option<String>,
    /// The change time of a file that was made right before the script began: what others changed since has a later one.
    pub began: (i64, u32),
    /// What a person should know, one sentence each.
    pub notes: Vec<String>,
}

/// Something that a script asked systemd for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCall {
    /// `start`, `stop`, `restart`, `reload`, `try-restart`, `reload-or-restart`, `daemon-reload`, …
    pub verb: String,
    /// The units, as the script wrote them.
    pub units: Vec<String>,
}

/// Whether this device can run a script over an overlay: overlayfs, namespaces, and a userland in the root. Tries it,
/// in `scratch`, which is made anew and removed.
///
/// # Errors
/// What is missing, as a sentence.
pub fn available(root: &Path, scratch: &Path, program: &Path) -> Result<(), String> {
    if root.join("bin/sh").symlink_metadata().is_err() {
        return Err(format!("there is no bin/sh below {}: a script needs a userland of its own", root.display()));
    }
    let tried = try_out(root, scratch, program);
    let cleared = clear(scratch);
    tried.and(cleared).map_err(|failure| failure.message)
}

/// Runs a script over an overlay of `root`. `scratch` is a folder on the root's file system, made anew.
///
/// # Errors
/// `script_failed`, `script_timeout`, `script_left_process`, `captured_conflict`, `no_space`, `state`; the root is as
/// it was, and nothing is left in `scratch`.
pub fn rehearse(root: &Path, scratch: &Path, script: &Script<'_>) -> Result<Rehearsal, Failure> {
    let rehearsed = rehearsal(root, scratch, script);
    if rehearsed.is_err() {
        // What could not be removed now is removed before the next script.
        let _ = clear(scratch);
    }
    rehearsed
}

/// Runs a script on the root itself: on the live system where that is `/`, else in namespaces where `root` is all
/// there is. Returns what a person should know.
///
/// # Errors
/// As [`rehearse`]; the root may have been changed.
pub fn run_directly(root: &Path, scratch: &Path, script: &Script<'_>) -> Result<Vec<String>, Failure> {
    let ended = if is_live(root) { on_the_system(scratch, script) } else { in_the_root(root, scratch, script) };
    let cleared = clear(scratch);
    ended.and_then(|notes| cleared.map(|()| notes))
}

fn rehearsal(root: &Path, scratch: &Path, script: &Script<'_>) -> Result<Rehearsal, Failure> {
    scratch::make(scratch)?;
    let began = Began::mark(scratch)?;
    let (ended, recorded) = heard(root, scratch, script, Sees::Overlay)?;
    began.check(script.name)?;
    let layers = ended.layers.into_iter().map(|seen| Layer { at: seen.at, upper: seen.upper, kind: seen.kind });
    let mut notes = ended.notes;
    notes.extend(recorded.notes);
    let marked = ended.reboot.then(|| "it made /run/reboot-required".to_owned());
    Ok(Rehearsal {
        layers: layers.collect(),
        calls: recorded.calls,
        reboot: recorded.reboot.or(marked),
        began: began.changed(),
        notes,
    })
}

/// Runs it with somebody who listens to what it asks systemd for.
fn heard(root: &Path, scratch: &Path, script: &Script<'_>, sees: Sees) -> Result<(Ended, Recorded), Failure> {
    let socket = scratch.join(SOCKET);
    let broker = Broker::start(&socket, root, is_live(root))?;
    let ended = run::to_its_end(root, scratch, script, sees, &socket);
    let recorded = broker.finish();
    Ok((ended?, recorded))
}

fn in_the_root(root: &Path, scratch: &Path, script: &Script<'_>) -> Result<Vec<String>, Failure> {
    scratch::make(scratch)?;
    let made = scratch::mount_points(root)?;
    let heard = heard(root, scratch, script, Sees::Root);
    for folder in made {
        // Something was put into it: then it is the script's.
        let _ = std::fs::remove_dir(folder);
    }
    let (ended, recorded) = heard?;
    let calls = recorded.calls.into_iter().map(|call| {
        format!(
            "`systemctl {} {}` was not done: no systemd runs in {}",
            call.verb,
            call.units.join(" "),
            root.display()
        )
    });
    let reboot = recorded.reboot.map(|how| format!("the script asked for a restart ({how}), which was not done"));
    Ok(ended.notes.into_iter().chain(recorded.notes).chain(calls).chain(reboot).collect())
}

fn on_the_system(scratch: &Path, script: &Script<'_>) -> Result<Vec<String>, Failure> {
    scratch::make(scratch)?;
    // The script may change its own folder; the bundle that is kept must stay what was verified.
    let copy = scratch.join("bundle");
    scratch::copy(script.bundle, &copy)?;
    let script = Script { bundle: &copy, ..script.clone() };
    run::to_its_end(Path::new("/"), scratch, &script, Sees::System, &scratch.join(SOCKET)).map(|ended| ended.notes)
}

/// Runs a script that does nothing.
fn try_out(root: &Path, scratch: &Path, program: &Path) -> Result<(), Failure> {
    scratch::make(scratch)?;
    let bundle = scratch.join("trial");
    disk::make_folder(&bundle)?;
    disk::write(&bundle.join(TRIAL), b"true\n", disk::Attributes::mode(0o600))?;
    let script = Script {
        program,
        bundle: &bundle,
        name: TRIAL,
        environment: Vec::new(),
        timeout: TRIAL_TIMEOUT,
        memory: None,
        log: scratch.join("trial.log"),
        log_bytes: 64 << 10,
        unit: None,
    };
    run::to_its_end(root, scratch, &script, Sees::Overlay, &scratch.join(SOCKET)).map(drop)
}

/// Whether this is the root of the running system.
fn is_live(root: &Path) -> bool {
    root == Path::new("/")
}

/// In the scratch folder; short, since a socket's path may not be long.
const SOCKET: &str = "s";

const TRIAL: &str = "trial.sh";
const TRIAL_TIMEOUT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
