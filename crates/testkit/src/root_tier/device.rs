//! The copy as a device: the agent installed as its package would, one package source, packages of its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::command::{command, output, succeed};
use crate::deb::Deb;
use crate::http::Endpoint;
use crate::process::{Place, Process};
use crate::process_tree::Marker;
use crate::repository::Repository;

/// The user and group that the daemon runs as: `nobody` and `nogroup`.
pub const DAEMON: (u32, u32) = (65534, 65534);

/// A user and group that have no business with the agent.
pub const FOREIGNER: (u32, u32) = (65533, 65533);

const CONFIG: &str = "/etc/belay/agent.toml";
const CONTROL_SOCKET: &str = "/run/belay/agent.sock";
const HOST_SOCKET: &str = "/run/belay-host/host.sock";
const LOGS: &str = "/run/belay-tests";

/// The device that a test runs on; this process's own root.
#[derive(Debug)]
pub struct RootDevice {
    repository: Repository,
}

/// Who asks the agent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Root.
    Root,
    /// The daemon's own user.
    Daemon,
    /// A user that has no business here.
    Foreigner,
}

/// Starts a command line that runs as root, in a clean environment, with empty standard input.
pub fn root(program: impl AsRef<OsStr>) -> Command {
    let mut command = command(program);
    command.uid(0).gid(0);
    command
}

impl RootDevice {
    /// Makes the copy this process stands in a device: nothing starts by itself, one package source, the agent's
    /// folders and its least configuration.
    ///
    /// # Panics
    /// When this process is not on a copy.
    pub(super) fn prepare() -> Self {
        assert!(is_overlay(), "this is no copy: nothing may be written here");
        let device = Self { repository: Repository::new(Path::new("/srv/belay-repository")) };
        device.put("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755);
        device.put("/etc/apt/apt.conf.d/99belay-tests", "Acquire::http::Proxy::127.0.0.1 \"DIRECT\";\n", 0o644);
        device.repository.publish(&[]);
        device.offer_from(&device.repository.source_line());
        for (folder, mode, owner) in [
            ("/var/lib/belay", 0o755, (0, 0)),
            ("/var/lib/belay/daemon", 0o700, DAEMON),
            ("/run/belay", 0o755, DAEMON),
            ("/run/belay-host", 0o755, (0, 0)),
            ("/etc/belay", 0o755, (0, 0)),
            (LOGS, 0o755, DAEMON),
        ] {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {folder}: {error}"));
            chown(folder, Some(owner.0), Some(owner.1)).expect("root can give a folder away");
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("root can set a mode");
        }
        device.configure("");
        device
    }

    /// Writes a file of root's.
    ///
    /// # Panics
    /// When it cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
    pub fn put(&self, path: &str, contents: &str, mode: u32) {
        let parent = Path::new(path).parent().expect("an absolute path of a file has a folder");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(path, contents))
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
            .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }

    /// Makes this line of sources.list the device's only package source.
    pub fn offer_from(&self, line: &str) {
        self.put("/etc/apt/sources.list", &format!("{line}\n"), 0o644);
        for entry in fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten() {
            // On the copy this hides the machine's file and leaves it where it is.
            fs::remove_file(entry.path()).expect("root can hide a file of the copy");
        }
    }

    /// Writes agent.toml as a device has it, but for the daemon's user and a health gate that does not wait; `more` is
    /// TOML text after it, tables of their own.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "[root]\npath = \"/\"\n\n[control]\nsocket = {CONTROL_SOCKET:?}\ngroup = \"belay\"\n\n[host]\nmode = \"socket\"\n\
             socket = {HOST_SOCKET:?}\ndaemon_user = \"nobody\"\nidle_s = 0\n\n[health]\nsettle_s = 0\n{more}\n"
        );
        self.put(CONFIG, &text, 0o644);
    }

    /// Returns the repository that the device's package source names.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Publishes these packages and installs some of them straight by apt.
    ///
    /// # Panics
    /// When apt does not succeed.
    #[track_caller]
    pub fn offer(&self, debs: &[Deb], installed: &[&str]) {
        self.repository.publish(debs);
        succeed(root("apt-get").args(["-q", "-o", "APT::Update::Error-Mode=any", "update"]));
        if !installed.is_empty() {
            let mut install = root("apt-get");
            install.args(["-y", "-q", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends", "--no-remove", "install"]);
            succeed(install.args(installed));
        }
    }

    /// Returns the installed version of a package, or `None` when dpkg does not have it as installed.
    pub fn installed_version(&self, name: &str) -> Option<String> {
        let found = output(root("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}${Version}", name]));
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        text.strip_prefix("ii ").map(str::to_owned)
    }

    /// Starts the half with root rights and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start_host(&self) -> Process {
        self.start_host_with("")
    }

    /// Starts the half with root rights with these failpoints, of a binary that is built with them.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start_host_with(&self, failpoints: &str) -> Process {
        let mut command = self.agent(&["host"]);
        command.env("FAILPOINTS", failpoints);
        let mut host = Process::start_at(self.place((0, 0)), "host", &command);
        host.wait_ready();
        host
    }

    /// Starts the daemon as its own user and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start_daemon(&self) -> Process {
        let mut daemon = Process::start_at(self.place(DAEMON), "daemon", &self.agent(&["run"]));
        daemon.wait_ready();
        daemon
    }

    /// Runs a command of the agent's command line to its end.
    pub fn cli(&self, who: Ask, args: &[&str]) -> Output {
        let (uid, gid) = match who {
            Ask::Root => (0, 0),
            Ask::Daemon => DAEMON,
            Ask::Foreigner => FOREIGNER,
        };
        output(self.agent(args).uid(uid).gid(gid))
    }

    /// Returns the daemon's local API.
    pub fn control(&self) -> Endpoint {
        Endpoint::Unix(PathBuf::from(CONTROL_SOCKET))
    }

    /// Returns the path of the local API's socket.
    pub fn control_socket(&self) -> &'static Path {
        Path::new(CONTROL_SOCKET)
    }

    /// Returns the path of the socket between daemon and host.
    pub fn host_socket(&self) -> &'static Path {
        Path::new(HOST_SOCKET)
    }

    fn agent(&self, args: &[&str]) -> Command {
        let mut command = root("/usr/bin/belay-agent");
        command.env("RUST_BACKTRACE", "1").args(args);
        command
    }

    fn place(&self, user: (u32, u32)) -> Place {
        Place {
            dir: PathBuf::from("/"),
            run_dir: PathBuf::from(LOGS),
            marker: Marker::new(Path::new(if user == DAEMON { "/daemon" } else { "/host" })),
            user: Some(user),
        }
    }
}

fn is_overlay() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').take(3).eq(["overlay", "/", "overlay"]))
}
