//! The way onto the copy: a test says its name, is run again in namespaces of its own, and goes on inside.

use std::path::{Path, PathBuf};

use crate::command::{ordinary_user, output, transcript};
use crate::ownership::{base_dir, temp_dir_in};

use super::device::{RootDevice, root};
use super::overlay;

/// What tells the second run from the first: the folder that the copy is mounted on.
const INSIDE: &str = "BELAY_ROOT_TIER";

/// How a test wants its copy.
#[derive(Clone, Copy, Debug)]
pub struct Copy<'a> {
    /// The full name of the test, as the test program knows it.
    pub test: &'a str,
    /// The agent's program; it becomes /usr/bin/belay-agent.
    pub agent: &'a Path,
    /// How many megabytes the copy's disk takes in all changes.
    pub megabytes: u32,
}

/// Runs the test's body on a copy of this machine, as root. Where that cannot be had, says `skipped: needs root` with
/// the reason and returns.
///
/// # Panics
/// When the body does, or when there is no such test.
#[track_caller]
pub fn on_a_copy(copy: Copy<'_>, body: impl FnOnce(&RootDevice)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        match overlay::enter(&PathBuf::from(folder), copy.agent, copy.megabytes) {
            Ok(()) => body(&RootDevice::prepare()),
            Err(refused) => skipped(&format!("needs root with the right to mount an overlay of /: {refused}")),
        }
        return;
    }
    if ordinary_user().is_none() {
        return skipped("needs root");
    }
    let allowed = output(unshare().arg("true"));
    if !allowed.status.success() {
        let why = String::from_utf8_lossy(&allowed.stderr).trim().replace('\n', "; ");
        return skipped(&format!("needs root with the right to make namespaces: {why}"));
    }
    let folder = temp_dir_in(&base_dir(), "belay-copy-");
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut again = unshare();
    again.env(INSIDE, folder.path());
    if let Some(value) = std::env::var_os("RUST_BACKTRACE") {
        again.env("RUST_BACKTRACE", value);
    }
    // A shell stays as the namespace's first process: it takes in orphans, which a test does not.
    again.args(["sh", "-c", "\"$@\"; exit $?", "sh"]).arg(program);
    let finished = output(again.args(["--exact", copy.test, "--nocapture", "--test-threads=1"]));
    let said = transcript(&finished);
    assert!(finished.status.success(), "{said}");
    assert!(said.contains("1 passed"), "there is no test {}:\n{said}", copy.test);
    said.lines().filter_map(|line| line.split_once("skipped: ")).for_each(|(_, why)| skipped(why));
}

fn unshare() -> std::process::Command {
    let mut unshare = root("unshare");
    unshare.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--net"]);
    unshare
}

#[expect(clippy::print_stderr, reason = "whoever reads the test run has to know")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
