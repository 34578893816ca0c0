//! A root that systemd has booted, in a container: real units, real journal, and a plug that can be pulled.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use belay_testkit::command::{output, transcript};
use belay_testkit::http::{Endpoint, Response};
use belay_testkit::wait::try_wait_until;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cgroup::Cgroups;
use crate::process::{children, inside_of, is_alive, numbers};
use crate::root::Root;

/// How a root is booted.
#[derive(Debug)]
pub struct ContainerLaunch {
    root: Root,
    wait: bool,
}

/// A booted root. Dropped, it is ended as by a power cut; while a test panics, its journal is shown before.
#[derive(Debug)]
pub struct Container {
    root: Root,
    nspawn: Child,
    init: i32,
    log: PathBuf,
    _cgroups: Cgroups,
}

impl ContainerLaunch {
    /// Prepares to boot a root; only one container of a root may run at a time.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone(), wait: true }
    }

    /// Does not wait until everything is started, only until systemd answers.
    #[must_use]
    pub fn without_waiting(mut self) -> Self {
        self.wait = false;
        self
    }

    /// Boots it.
    ///
    /// # Panics
    /// When it does not boot; the message holds what the console said.
    #[track_caller]
    pub fn boot(self) -> Container {
        static BOOTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("belay-lab-{}-{}", std::process::id(), BOOTS.fetch_add(1, Ordering::Relaxed));
        let cgroups = Cgroups::new(&name);
        let log = self.root.site().folder().join(format!("{name}.log"));
        let mut command = nspawn(&self.root, &cgroups);
        let console = File::create(&log).unwrap_or_else(|error| panic!("cannot make {}: {error}", log.display()));
        command.stdout(console.try_clone().expect("an open file can be shared")).stderr(console).stdin(Stdio::null());
        let mut nspawn =
            command.process_group(0).spawn().unwrap_or_else(|error| panic!("cannot start nspawn: {error}"));
        let init = try_wait_until(PATIENCE, || {
            assert!(matches!(nspawn.try_wait(), Ok(None)), "nspawn ended: {}", said(&log));
            first_process(&nspawn)
        });
        let init = init.unwrap_or_else(|| panic!("{} did not boot: {}", self.root.name(), said(&log)));
        let container = Container { root: self.root, nspawn, init, log, _cgroups: cgroups };
        let reached = if self.wait { "systemctl is-system-running --wait" } else { "true" };
        let script = format!("until [ -S /run/systemd/private ]; do sleep 0.02; done; {reached}");
        // `degraded` is for tests to judge.
        let booted = container.run(&["timeout", "90", "sh", "-c", &script]);
        assert!(booted.status.code() != Some(124), "{} did not boot: {}", container.root.name(), said(&container.log));
        container
    }
}

impl Container {
    /// Boots a root and waits until everything is started.
    ///
    /// # Panics
    /// When it does not boot; the message holds what the console said.
    #[track_caller]
    pub fn boot(root: &Root) -> Self {
        ContainerLaunch::new(root).boot()
    }

    /// The root that is booted.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Runs a program as root; returns how it ended.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Output {
        let (program, arguments) = words.split_first().expect("a command line has a program");
        output(self.command(&program.as_ref().to_string_lossy()).args(arguments))
    }

    /// Starts a program as root that goes on beside the test; whoever drops it does not end it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Child {
        let (program, arguments) = words.split_first().expect("a command line has a program");
        let mut command = self.command(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("cannot start {words:?}: {error}"))
    }

    /// Runs a shell's script as root that has to succeed, and returns what it said on standard output.
    ///
    /// # Panics
    /// When it fails; the message holds everything it said.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let said = self.run(&["sh", "-ec", script]);
        assert!(said.status.success(), "`{script}` failed:\n{}", transcript(&said));
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// Whether a shell's script succeeds.
    pub fn holds(&self, script: &str) -> bool {
        self.run(&["sh", "-c", script]).status.success()
    }

    /// Waits, at most four minutes, until a shell's script succeeds.
    ///
    /// # Panics
    /// When it does not in this time; the message names `what` was waited for.
    #[track_caller]
    pub fn wait(&self, what: &str, script: &str) {
        let looped = format!("until {{ {script}\n}} >/dev/null 2>&1; do sleep 0.1; done");
        let ended = self.run(&["timeout", "240", "sh", "-c", &looped]);
        assert!(ended.status.success(), "waited in vain for {what}: `{script}`");
    }

    /// A property of a unit, as `systemctl show` has it.
    #[track_caller]
    pub fn unit(&self, unit: &str, property: &str) -> String {
        self.sh(&format!("systemctl show --value --property={property} {unit}")).trim().to_owned()
    }

    /// The lines of the journal that these arguments of journalctl select.
    #[track_caller]
    pub fn journal(&self, arguments: &str) -> String {
        self.sh(&format!("journalctl --sync; journalctl --no-pager --quiet {arguments}"))
    }

    /// Speaks HTTP from within the container's network.
    ///
    /// # Panics
    /// When nobody listens, or what answers is not HTTP.
    #[track_caller]
    pub fn http(&self, ask: impl FnOnce(&dyn Fn(&str) -> Endpoint) -> Response + Send) -> Response {
        let network = File::open(self.root.site().network()).expect("a place has a network");
        let asked = std::thread::scope(|scope| {
            // Only this thread moves; what it opens stays in that network.
            let asking = scope.spawn(move || {
                setns(network, CloneFlags::CLONE_NEWNET).expect("root may enter a network");
                ask(&|address| Endpoint::Tcp(address.parse().expect("a test writes addresses")))
            });
            asking.join()
        });
        asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Pulls the plug: everything in it is killed at once. What was written stays.
    pub fn cut_power(mut self) -> Root {
        self.kill();
        self.root.clone()
    }

    /// Shuts it down in order.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn power_off(self) -> Root {
        let _ = self.run(&["systemctl", "poweroff"]);
        self.wait_end()
    }

    /// Waits until the system has ended by itself, such as for a restart: whoever wants it started boots its root.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn wait_end(mut self) -> Root {
        let ended = try_wait_until(PATIENCE * 2, || self.nspawn.try_wait().ok().flatten());
        assert!(ended.is_some(), "{} did not end: {}", self.root.name(), said(&self.log));
        self.root.clone()
    }

    fn command(&self, program: &str) -> Command {
        // A shell that stays outside of the container's processes waits for the program: a system that goes down stops
        // all of its processes for a moment, and nsenter would stop with its child and never take its end in.
        let namespaces = ["--no-fork", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
        let mut command = inside_of(self.init, &namespaces, "sh");
        command.args(["-c", "\"$@\"; exit $?", "sh", program]);
        command
    }

    fn kill(&mut self) {
        let _ = kill(Pid::from_raw(self.init), Signal::SIGKILL);
        // nspawn has nothing left to look after, and ends; it is a child's child of ours.
        let _ = try_wait_until(PATIENCE, || (!is_alive(self.init)).then_some(()));
        let _ = try_wait_until(PATIENCE, || self.nspawn.try_wait().ok().flatten());
    }

    #[expect(clippy::print_stderr, reason = "whoever reads the failure needs it")]
    fn show_journal(&self) {
        let script = "systemctl --failed --no-legend --plain; systemctl list-jobs --no-legend; \
                      journalctl --no-pager --quiet -o short-precise -n 120";
        let told = self.run(&["timeout", "20", "sh", "-c", script]);
        eprintln!("--- {}:\n{}", self.root.name(), String::from_utf8_lossy(&told.stdout));
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if is_alive(self.init) {
            if std::thread::panicking() {
                self.show_journal();
            }
            self.kill();
        }
    }
}

/// The command line of nspawn, in the root's place and in control groups of its own.
fn nspawn(root: &Root, cgroups: &Cgroups) -> Command {
    let mut command = root.site().command("--mount --pid", "sh");
    command.args([
        "-ec",
        "while [ \"$1\" != -- ]; do echo 0 >\"$1\"; shift; done; shift; exec systemd-nspawn \"$@\"",
        "boot",
    ]);
    command.args(cgroups.entrances()).arg("--");
    command.arg("--directory").arg(root.folder());
    command.args([
        "--register=no",
        "--keep-unit",
        "--network-namespace-path=/proc/1/ns/net",
        "--console=pipe",
        "--quiet",
    ]);
    command.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--boot"]);
    command.arg(format!("--machine={}", root.name()));
    for (folder, at) in root.shown() {
        command.arg(format!("--bind-ro={}:{}", folder.display(), at.display()));
    }
    command
}

/// The container's first process, once it is systemd: its number out here.
fn first_process(nspawn: &Child) -> Option<i32> {
    let nsenter = i32::try_from(nspawn.id()).ok()?;
    let is_first = |pid: &i32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        // A foreign system's programs are the emulator's.
        let emulated = program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("qemu-"));
        numbers(*pid).last() == Some(&1) && (emulated || program.ends_with("systemd/systemd"))
    };
    children(nsenter).into_iter().flat_map(children).find(is_first)
}

fn said(log: &std::path::Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// How long a container may take to boot or to end.
const PATIENCE: Duration = Duration::from_secs(40);
