//! The process between the agent and the namespaces: makes them, watches the time, and ends everything in them when it
//! is up or the agent is gone.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getegid, geteuid};

use super::{Ended, Outcome, Refused, Sees, Spec, init, lock, refused};
use crate::clock;
use crate::host::command::Command;

/// Runs the script and leaves its outcome in the scratch folder.
pub(super) fn run(file: &Path, spec: &Spec) -> Result<(), Refused> {
    let place = Spec::outcome(&spec.scratch);
    match watch(file, spec) {
        // The first process of the namespaces has written what it saw.
        Ok(None) => Ok(()),
        Ok(Some(outcome)) => write(&outcome, &place),
        Err(refused) => write(&Outcome::Unbuilt(refused), &place),
    }
}

fn watch(file: &Path, spec: &Spec) -> Result<Option<Outcome>, Refused> {
    set_pdeathsig(Signal::SIGKILL).map_err(|error| failed("follow the agent's end", error.into()))?;
    let place = spec.watcher();
    // Held until the end of this process: its absence tells the namespaces' first process that nobody watches it.
    let _watching = lock(&place).map_err(|error| refused("lock", &place, &error))?;
    let mut child = match spec.sees {
        Sees::Overlay | Sees::Root => {
            leave().map_err(|error| failed("make namespaces", error))?;
            let init = Command::new(&spec.program).args(["inside", "--init"]).arg(file);
            init.spawn_inherited().map_err(|error| refused("start", &spec.program, &error))?
        }
        Sees::System => match init::start(spec) {
            Ok(child) => child,
            Err(message) => return Ok(Some(Outcome::NotStarted { message })),
        },
    };
    let ended = wait(&mut child, spec).map_err(|error| failed("wait for the script", error))?;
    Ok(match (ended, spec.sees) {
        (None, _) => Some(Outcome::TimedOut),
        (Some(status), Sees::System) => {
            Some(Outcome::Ended(Ended { code: status.code(), signal: status.signal(), ..Ended::default() }))
        }
        (Some(status), Sees::Overlay | Sees::Root) if status.success() => None,
        (Some(status), Sees::Overlay | Sees::Root) => {
            let message = format!("the script's namespaces were ended from outside ({status}); was memory short?");
            Some(Outcome::Unbuilt(Refused { message, full: false }))
        }
    })
}

/// Leaves the device's namespaces. An ordinary user becomes root of a user namespace that holds nobody else.
fn leave() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    let mut flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if user.is_root() {
        return Ok(unshare(flags)?);
    }
    flags |= CloneFlags::CLONE_NEWUSER;
    unshare(flags)?;
    tell("/proc/self/setgroups", "deny")?;
    tell("/proc/self/uid_map", &format!("0 {user} 1"))?;
    tell("/proc/self/gid_map", &format!("0 {group} 1"))
}

/// Waits for the child's end; none where it had to be ended. With the first process of a namespace everything in it has
/// ended when this returns.
fn wait(child: &mut Child, spec: &Spec) -> io::Result<Option<ExitStatus>> {
    let deadline = clock::monotonic() + Duration::from_millis(spec.timeout_ms);
    let asker = Spec::asker(&spec.scratch);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        // Nobody else takes this lock: where it can be had, whoever wanted an answer is gone.
        if clock::monotonic() > deadline || lock(&asker)?.is_some() {
            if let Ok(group) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

fn tell(path: &str, text: &str) -> io::Result<()> {
    File::options().write(true).open(path)?.write_all(text.as_bytes())
}

fn write(outcome: &Outcome, place: &Path) -> Result<(), Refused> {
    let written = File::create(place).and_then(|file| outcome.write(&file));
    written.map_err(|error| refused("write", place, &error))
}

fn failed(doing: &str, error: io::Error) -> Refused {
    Refused { message: format!("cannot {doing}: {error}"), full: false }
}

const TICK: Duration = Duration::from_millis(20);
