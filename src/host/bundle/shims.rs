//! The programs that a captured script meets in place of systemctl, reboot, mount, apt and others.
//!
//! Each is this very program under another name. It reads what is asked (`asked`, pure), and answers from the overlay
//! (`inside`) or asks the broker, a thread of the host outside the namespace (`broker`): what a question needs of the
//! live system is answered truthfully, what would change it is recorded, to be done once the captured change is applied,
//! and what can be neither is refused with a sentence. They are advice, not the wall: that is the missing sockets.

mod asked;
mod broker;
mod dpkg;
mod inside;
mod kernel;
mod live;
mod power;
mod recorded;
mod systemctl;
mod sysv;
pub(super) mod unit;
mod wire;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use broker::Broker;
pub use recorded::Recorded;

use inside::{Ended, Inside};

/// The names that this program answers to in a script's namespace.
pub const NAMES: &[&str] = &[
    "systemctl",
    "service",
    "invoke-rc.d",
    "reboot",
    "shutdown",
    "poweroff",
    "halt",
    "telinit",
    "init",
    "mount",
    "umount",
    "modprobe",
    "insmod",
    "rmmod",
    "apt",
    "apt-get",
    "aptitude",
    "dpkg",
    "snap",
];

/// Where the broker is reached in the namespace.
pub const SOCKET: &str = "/run/belay/shims.sock";

/// Where the programs themselves lie in the namespace, each by its name.
pub const REAL: &str = "/run/belay/real";

/// Does what a shim does, where this process was called by the name of one in a script's namespace.
pub fn main_if_shim() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    let called = PathBuf::from(words.next()?);
    let name = called.file_name().and_then(OsStr::to_str).filter(|name| NAMES.contains(name))?.to_owned();
    if !Path::new(SOCKET).exists() {
        return None;
    }
    let args: Vec<OsString> = words.collect();
    let inside = Inside { socket: SOCKET.into(), real: REAL.into(), root: "/".into(), mounts: "/proc/mounts".into() };
    Some(end(&name, inside.run(&name, &args)))
}

fn end(name: &str, ended: Ended) -> ExitCode {
    match ended {
        Ended::Answered(answer) => {
            // Somebody who does not read the answer (`systemctl status | head`) wants no complaint.
            let _ = io::stdout().write_all(answer.stdout.as_bytes());
            let _ = io::stderr().write_all(answer.stderr.as_bytes());
            ExitCode::from(answer.code)
        }
        Ended::Becomes { program, args } => {
            #[expect(
                clippy::disallowed_methods,
                reason = "it takes this process's place, with all that the script gave it"
            )]
            let error = std::process::Command::new(&program).arg0(name).args(args).exec();
            let _ = writeln!(io::stderr(), "{name}: {} cannot be run: {error}", program.display());
            ExitCode::from(127)
        }
    }
}
