//! Tests that need a process of their own: one whose memory is theirs alone, or whose mounts nobody else sees.

use std::os::unix::process::CommandExt;
use std::process::Command;

use belay_testkit::command::{command, ordinary_user, succeed};

/// What tells the second run from the first.
const INSIDE: &str = "BELAY_OWN_PROCESS";

/// A command that keeps this process's user.
pub(super) fn own(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = command(program);
    if ordinary_user().is_some() {
        command.uid(0).gid(0);
    }
    command
}

/// Runs the test of that name (below this module) again, alone in a process, and its body there.
pub(super) fn alone(name: &str, body: impl FnOnce()) {
    rerun(name, own(std::env::current_exe().unwrap()), body);
}

/// The same, in a mount namespace of its own. Without root rights it says that it was skipped.
pub(super) fn with_own_mounts(name: &str, body: impl FnOnce()) {
    if ordinary_user().is_none() {
        eprintln!("SKIPPED: {name}: needs root");
        return;
    }
    let mut unshare = own("unshare");
    unshare.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    rerun(name, unshare, body);
}

fn rerun(name: &str, mut again: Command, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let name = format!("artifacts::tests::{name}");
    let said = succeed(again.env(INSIDE, "1").args(["--exact", &name, "--nocapture", "--test-threads=1"]));
    assert!(said.contains("1 passed"), "there is no test {name}:\n{said}");
}

pub(super) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
