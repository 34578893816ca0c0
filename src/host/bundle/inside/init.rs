//! The first process of the namespaces: builds what the script sees, runs it, takes in orphans, and looks who is left.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use super::{Ended, Outcome, Refused, Sees, Spec, lock, place, processes, refused, view};
use crate::clock;
use crate::host::bundle::script;
use crate::host::command::Command;

/// Runs the script and writes its outcome.
pub(super) fn run(spec: &Spec) -> Result<(), Refused> {
    let place = Spec::outcome(&spec.scratch);
    let outcome = File::create(&place).map_err(|error| refused("make", &place, &error))?;
    let ended = match inside(spec) {
        Ok(ended) => ended,
        Err(refused) => Outcome::Unbuilt(refused),
    };
    ended.write(&outcome).map_err(|error| refused("write", &place, &error))
}

/// Starts the script: in the folder and by the interpreter that it wants.
pub(super) fn start(spec: &Spec) -> Result<Child, String> {
    let folder = match spec.sees {
        Sees::Overlay | Sees::Root => Path::new(place::BUNDLE),
        Sees::System => &spec.bundle,
    };
    umask(Mode::from_bits_truncate(0o022));
    let path = folder.join(&spec.script);
    let words = script::words(&path).map_err(|error| format!("{} cannot be read: {error}", spec.script))?;
    let programs = match spec.sees {
        Sees::Overlay | Sees::Root => format!("{}:{}", place::SHIMS, script::PATH),
        Sees::System => script::PATH.to_owned(),
    };
    let mut command = Command::new(&words[0]).args(&words[1..]).folder(folder).env("PATH", programs);
    for (name, value) in &spec.environment {
        command = command.env(name, value);
    }
    command.spawn_inherited().map_err(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return format!("{} cannot be started: {error}", spec.script);
        }
        let interpreter = words[0].to_string_lossy();
        format!("{} cannot be started: it or its interpreter is not there ({interpreter})", spec.script)
    })
}

fn inside(spec: &Spec) -> Result<Outcome, Refused> {
    let failed = |doing: &str, error: io::Error| Refused { message: format!("cannot {doing}: {error}"), full: false };
    set_pdeathsig(Signal::SIGKILL).map_err(|error| failed("follow the watcher's end", error.into()))?;
    let watcher = spec.watcher();
    if lock(&watcher).map_err(|error| refused("lock", &watcher, &error))?.is_some() {
        // It ended before the line above; nobody would end this any more.
        return Err(Refused { message: "nobody watches the script any more".to_owned(), full: false });
    }
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| failed("make a mount namespace", error.into()))?;
    umask(Mode::empty());
    let seen = view::enter(spec)?;
    for capability in WITHHELD {
        remove_capability_from_bounding_set(capability).map_err(|error| failed("drop a capability", error.into()))?;
    }
    let child = match start(spec) {
        Ok(child) => child,
        Err(message) => return Ok(Outcome::NotStarted { message }),
    };
    let mut ended = wait_for(&child).map_err(|error| failed("wait for the script", error.into()))?;
    ended.left = lasting(Path::new("/proc")).map_err(|error| failed("list processes", error))?;
    ended.reboot = Path::new("/run/reboot-required").exists();
    ended.layers = seen.layers;
    ended.notes = seen.notes;
    Ok(Outcome::Ended(ended))
}

/// Takes in whatever ends until the script does.
fn wait_for(child: &Child) -> nix::Result<Ended> {
    let script = i32::try_from(child.id()).map(Pid::from_raw).map_err(|_| Errno::ERANGE)?;
    loop {
        match waitpid(ANY, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == script => {
                return Ok(Ended { code: Some(code), ..Ended::default() });
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == script => {
                return Ok(Ended { signal: Some(signal as i32), ..Ended::default() });
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What still runs although it had a moment to end: `tee` of a log needs one.
fn lasting(proc: &Path) -> io::Result<Vec<String>> {
    let deadline = clock::monotonic() + GRACE;
    loop {
        while matches!(waitpid(ANY, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        let left = processes::others(proc)?;
        if left.is_empty() || clock::monotonic() > deadline {
            return Ok(left);
        }
        std::thread::sleep(TICK);
    }
}

/// What would reach the live system past every mount: its modules, its clock, its memory, its power.
const WITHHELD: [CapabilitySet; 4] =
    [CapabilitySet::SYS_MODULE, CapabilitySet::SYS_TIME, CapabilitySet::SYS_RAWIO, CapabilitySet::SYS_BOOT];

/// How long what a script started may outlive it.
const GRACE: Duration = Duration::from_secs(1);

/// Whatever process has ended.
const ANY: Pid = Pid::from_raw(-1);

const TICK: Duration = Duration::from_millis(10);
