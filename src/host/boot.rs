//! Starting the device again: who wants it, which boot this is, and how.

use std::path::Path;

use belay_protocol::{Failure, Reason};

use super::command::Command;
use super::disk;

/// Where the kernel names the boot that it is in.
const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

/// What the kernel tells of the first process.
const FIRST_PROCESS: &str = "proc/1/stat";

/// What packages leave that take effect only after a start.
const REQUIRED: &str = "run/reboot-required";

/// The command that only the running system itself may be given.
const OWN: [&str; 2] = ["systemctl", "reboot"];

/// What names the boot that the device below `root` is in: another text after each start. The kernel's name for it, and when
/// the first process began: a container that starts again keeps its kernel.
pub fn boot_id(root: &Path) -> Result<String, Failure> {
    let text =
        |path: &str| Ok(String::from_utf8_lossy(&disk::read(&root.join(path))?.unwrap_or_default()).into_owned());
    let (kernel, first) = (text(BOOT_ID)?, text(FIRST_PROCESS)?);
    Ok([kernel.trim(), began(&first)].join(" ").trim_end().to_owned())
}

/// When a process began, in ticks since the kernel's start: the 22nd field, counted from behind its name, which may hold
/// anything.
fn began(stat: &str) -> &str {
    stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(19)).unwrap_or_default()
}

/// Why packages want a restart of the device; none where none does.
pub fn wanted(root: &Path) -> Option<String> {
    if !root.join(REQUIRED).exists() {
        return None;
    }
    let packages = std::fs::read_to_string(root.join(format!("{REQUIRED}.pkgs"))).unwrap_or_default();
    let mut packages: Vec<&str> = packages.split_whitespace().collect();
    packages.sort_unstable();
    packages.dedup();
    Some(match packages.is_empty() {
        true => "/run/reboot-required is there".to_owned(),
        false => format!("{} ask for it", packages.join(", ")),
    })
}

/// Starts the device again; returns when that is on its way.
pub fn reboot(root: &Path, command: &[String]) -> Result<(), Failure> {
    let failed = |what: String| Failure::new(Reason::RebootFailed, what);
    if root != Path::new("/") && command == OWN {
        return Err(failed(format!(
            "{} is not the running system, so this program cannot start it again; start it yourself, or set \
             host.reboot_command",
            root.display()
        )));
    }
    let Some((program, arguments)) = command.split_first() else {
        return Err(failed("host.reboot_command is empty; write program and arguments".to_owned()));
    };
    let ended = Command::new(program).args(arguments).run().map_err(|error| failed(error.to_string()))?;
    match ended.success() {
        true => Ok(()),
        false => Err(failed(format!("{} failed: {}", command.join(" "), ended.stderr.trim()))),
    }
}

#[cfg(test)]
mod tests;
