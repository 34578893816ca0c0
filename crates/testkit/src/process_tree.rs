//! Finds the processes that belong to a sandbox and ends all of them together, by their ids only.
//!
//! A process belongs if it descends from a given one, or if its environment carries the sandbox's mark: apt and dpkg
//! whose agent was killed are adopted by process 1, and only the mark still tells whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::try_wait_until;

/// The environment variable that marks a sandbox's processes.
pub const MARKER: &str = "BELAY_SANDBOX";

/// A sandbox's mark: the value of [`MARKER`] in the environment of its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(String);

/// A running process; its start time tells it from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The process id.
    pub pid: i32,
    parent: i32,
    started: u64,
}

/// A set of processes: one with its descendants, those with a mark and theirs, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    root: Option<i32>,
    marker: Option<Marker>,
}

impl Marker {
    /// Marks the processes of the sandbox with this root.
    ///
    /// # Panics
    /// When the path is not text.
    pub fn new(root: &Path) -> Self {
        Self(root.to_str().expect("a sandbox's path is text").to_owned())
    }

    /// Returns the variable's value.
    pub fn value(&self) -> &str {
        &self.0
    }

    fn is_carried_by(&self, pid: i32) -> bool {
        let expected = format!("{MARKER}={}", self.0);
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == expected.as_bytes()))
    }
}

impl Tree {
    /// Returns the tree of the processes that carry a mark.
    pub fn marked(marker: Marker) -> Self {
        Self { root: None, marker: Some(marker) }
    }

    /// Adds a process and its descendants.
    #[must_use]
    pub fn below(self, root: i32) -> Self {
        Self { root: Some(root), ..self }
    }

    /// Returns the processes that are running now; never the asking one or one of its ancestors.
    pub fn members(&self) -> Vec<Member> {
        let running = running();
        let spared = ancestors(&running, std::process::id().cast_signed());
        let belongs =
            |pid: i32| self.root == Some(pid) || self.marker.as_ref().is_some_and(|marker| marker.is_carried_by(pid));
        let mut found: BTreeSet<i32> =
            running.keys().copied().filter(|pid| !spared.contains(pid) && belongs(*pid)).collect();
        loop {
            let before = found.len();
            let children: Vec<i32> =
                running.values().filter(|member| found.contains(&member.parent)).map(|member| member.pid).collect();
            found.extend(children);
            if found.len() == before {
                break;
            }
        }
        found.iter().filter_map(|pid| running.get(pid).copied()).collect()
    }

    /// Ends all members at one instant, as a power cut would.
    ///
    /// All are frozen before the first is killed, so that none sees another one die; repeated until none is left.
    /// Returns the processes that are still running after 20 seconds, none as a rule.
    pub fn kill(&self) -> Vec<Member> {
        let ended = try_wait_until(Duration::from_secs(20), || {
            let members = self.freeze();
            for member in &members {
                member.signal(Signal::SIGKILL);
            }
            members.is_empty().then_some(())
        });
        if ended.is_some() { Vec::new() } else { self.members() }
    }

    /// Stops processes until a look around finds no new one, and returns them all.
    fn freeze(&self) -> Vec<Member> {
        let mut frozen = BTreeSet::new();
        loop {
            let members = self.members();
            let new: Vec<Member> = members.iter().filter(|member| !frozen.contains(*member)).copied().collect();
            if new.is_empty() {
                return members;
            }
            for member in new {
                member.signal(Signal::SIGSTOP);
                frozen.insert(member);
            }
        }
    }
}

impl Member {
    /// Sends a signal, unless the process has ended meanwhile.
    pub fn signal(&self, signal: Signal) {
        if read_stat(self.pid).is_some_and(|now| now.started == self.started) {
            // It may end between look and signal; then there is nothing left to do.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Returns every process that is not a zombie.
fn running() -> BTreeMap<i32, Member> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read_stat(pid)?)))
        .collect()
}

/// Reads a process' parent and start time, `None` when it has ended.
fn read_stat(pid: i32) -> Option<Member> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
    // A first thread that has ended while others have not is a zombie too, and the process still holds its files.
    let threads: u32 = fields.get(17)?.parse().ok()?;
    let ended = *state == "X" || (*state == "Z" && threads <= 1);
    (!ended).then_some(Member { pid, parent: parent.parse().ok()?, started: started.parse().ok()? })
}

fn ancestors(running: &BTreeMap<i32, Member>, pid: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([pid, 1]);
    let mut next = pid;
    while let Some(member) = running.get(&next) {
        next = member.parent;
        if !found.insert(next) {
            break;
        }
    }
    found
}
