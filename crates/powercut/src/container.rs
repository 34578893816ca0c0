//! Boots the system on a mounted disk in a container, so that its own units recover it, and asks it what came of that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::command::{command, run};

/// A booted container. Dropped, it is killed as a whole.
#[derive(Debug)]
pub struct Container {
    launcher: Child,
    /// systemd-nspawn, the first process of a namespace around the container.
    warden: Option<u32>,
    /// systemd, the first process of the container.
    leader: Option<u32>,
    groups: Vec<PathBuf>,
}

/// How often something is looked at until it has come about, [`PAUSE`] apart.
const LOOKS: u32 = 1_200;

/// Long enough that looking takes little of the processor that the container needs.
const PAUSE: Duration = Duration::from_millis(100);

impl Container {
    /// Boots the root that is mounted there, under a name of its own, and waits until its start has come to an end.
    /// However this process ends, the container ends with it.
    ///
    /// # Errors
    /// When it does not boot, with the last that it said.
    pub fn boot(root: &Path, name: &str) -> Result<Self, String> {
        let groups: Vec<PathBuf> = ["systemd", "unified", ""]
            .map(|tree| Path::new("/sys/fs/cgroup").join(tree))
            .into_iter()
            .filter(|tree| tree.join("cgroup.procs").exists())
            .map(|tree| tree.join(name))
            .collect();
        let mut enter = String::from("set -e\n");
        for group in &groups {
            fs::create_dir_all(group).map_err(|error| format!("cannot make {}: {error}", group.display()))?;
            enter += &format!("echo $$ >'{}/cgroup.procs'\n", group.display());
        }
        enter += &format!(
            "exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc systemd-nspawn --quiet --machine={name} --directory \"$1\" --register=no \
             --keep-unit --private-network --boot --console=pipe --resolv-conf=off --timezone=off --link-journal=no"
        );
        let said = root.with_extension("console");
        let output = fs::File::create(&said).map_err(|error| format!("cannot make {}: {error}", said.display()))?;
        let errors = output.try_clone().map_err(|error| format!("cannot write {}: {error}", said.display()))?;
        let launcher =
            command("sh").args(["-c", &enter, "sh"]).arg(root).stdout(Stdio::from(output)).stderr(errors).spawn();
        let launcher = launcher.map_err(|error| format!("cannot start systemd-nspawn: {error}"))?;
        let mut container = Self { launcher, warden: None, leader: None, groups };
        match container.wait_for_boot() {
            Ok(()) => Ok(container),
            Err(why) => Err(format!("{why}; it said:\n{}", fs::read_to_string(&said).unwrap_or_default())),
        }
    }

    fn wait_for_boot(&mut self) -> Result<(), String> {
        for _ in 0..LOOKS {
            if self.launcher.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err("the container ended while it booted".to_owned());
            }
            self.warden = child_of(self.launcher.id()).filter(|child| name_of(*child) == "systemd-nspawn");
            self.leader = self.warden.and_then(child_of);
            if self.leader.is_some() {
                let state = self.run("systemctl is-system-running --wait || :").unwrap_or_default();
                if ["running", "degraded"].contains(&state.trim()) {
                    return Ok(());
                }
            }
            std::thread::sleep(PAUSE);
        }
        Err("the container did not finish its start".to_owned())
    }

    /// Runs a shell line inside and returns what it said on standard output.
    ///
    /// # Errors
    /// When it fails, with everything that it said.
    pub fn run(&self, line: &str) -> Result<String, String> {
        let leader = self.leader.ok_or("the container has no first process")?.to_string();
        run(command("timeout").args(["120", "nsenter", "-t", &leader, "-a", "/bin/sh", "-c", line]))
    }

    /// Waits until the agent answers and has nothing to do any more; returns its status.
    ///
    /// # Errors
    /// When that does not come about, with its last status and its log.
    pub fn wait_until_idle(&self) -> Result<Value, String> {
        let mut last = String::new();
        for _ in 0..LOOKS {
            match self.run("belay-agent status --json && ! systemctl -q is-active belay-guard.service") {
                Ok(text) => {
                    let status: Value = serde_json::from_str(&text).unwrap_or_default();
                    let idle = |field: &str| status.get(field).is_some_and(Value::is_null);
                    if idle("job") && idle("queued") {
                        return Ok(status);
                    }
                    last = text;
                }
                Err(why) => last = why,
            }
            std::thread::sleep(PAUSE);
        }
        Err(format!("the agent was not idle in time: {last}\n{}", self.journal()))
    }

    /// What the agent's units wrote since this start.
    pub fn journal(&self) -> String {
        self.run("journalctl -b --no-pager -o short-monotonic -u 'belay-*'").unwrap_or_else(|why| why)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The first process of a namespace, with which all others in it end.
        let warden = self.warden.and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
        let told = warden.map(|id| nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL));
        if told.is_none() {
            let _ = self.launcher.kill();
        }
        let _ = self.launcher.wait();
        for group in &self.groups {
            remove_group(group);
        }
    }
}

fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn name_of(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned()
}

/// Removes a control group with those below it; processes that are just ending keep one for a moment.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    for _ in 0..100 {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
            Ok(()) | Err(_) => return,
        }
    }
}
