//! The only place of the test kit that makes commands.
//!
//! Every child gets a clean environment, no standard input and, when the kit runs as root, an ordinary user's identity:
//! dpkg's chrootless maintainer scripts would otherwise act on the machine itself with root rights.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// The user and group that children run as when the kit itself runs as root: `nobody` and `nogroup`.
const ORDINARY: (u32, u32) = (65534, 65534);

/// Returns the user and group that children are given, or `None` when they keep the kit's own.
pub fn ordinary_user() -> Option<(u32, u32)> {
    nix::unistd::geteuid().is_root().then_some(ORDINARY)
}

/// Starts a command line that runs as an ordinary user, in a clean environment, with empty standard input.
#[expect(clippy::disallowed_methods, reason = "the test kit's only spawner")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    if let Some((uid, gid)) = ordinary_user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs a command to its end and returns what it said, whatever its exit code.
///
/// # Panics
/// When the program cannot be started.
pub fn output(command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot start {command:?}: {error}"),
    }
}

/// Runs a command that has to succeed and returns its standard output.
///
/// # Panics
/// When it cannot be started or fails; the message holds everything it said.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{command:?} failed:\n{}", transcript(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Joins exit code, standard output and standard error into one readable text.
pub fn transcript(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
