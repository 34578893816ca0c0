//! The only place of this crate that makes commands: root's own children, in a clean environment, without standard input.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// Starts a command line in a clean environment, with empty standard input.
#[expect(clippy::disallowed_methods, reason = "this program's only spawner")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
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
/// # Errors
/// The command and everything that it said, when it fails.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{command:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Tells whether a program lies where this crate's commands look for it.
pub fn is_there(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| std::path::Path::new(folder).join(program).exists())
}
