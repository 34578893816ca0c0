//! What /proc tells of processes, and commands with root rights in namespaces of others.

use std::fs;
use std::process::Command;

use belay_testkit::root_tier::root;

/// Starts a command line that runs in the namespaces of a process: those that the flags name.
pub(crate) fn inside_of(pid: i32, namespaces: &[&str], program: &str) -> Command {
    let mut command = root("nsenter");
    command.env("HOME", "/root").arg("--target").arg(pid.to_string()).args(namespaces).arg("--").arg(program);
    command
}

/// The processes that a process is the parent of.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Whether there is a process of this number that is more than a corpse.
pub(crate) fn is_alive(pid: i32) -> bool {
    status(pid).is_some_and(|status| field(&status, "State").is_some_and(|state| !state.starts_with('Z')))
}

/// Its number in each namespace, from the outermost that is seen to its own.
pub(crate) fn numbers(pid: i32) -> Vec<i32> {
    let status = status(pid).unwrap_or_default();
    field(&status, "NSpid").unwrap_or_default().split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    field(&status(pid)?, "PPid")?.parse().ok()
}

fn status(pid: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
