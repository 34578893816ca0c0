//! A long-running process of a sandbox: started in a session of its own, watched through its log, ended on request.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{command, ordinary_user};
use crate::network::Door;
use crate::notify::NotifySocket;
use crate::ownership::hand_over;
use crate::process_tree::{MARKER, Marker, Tree};
use crate::sandbox::Sandbox;
use crate::wait::{try_wait_until, wait_until};

/// How long a process may take to become ready, or to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of a log a panic message shows.
const TAIL_LINES: usize = 60;

/// A running (or ended) daemon with its log. Dropped, it is killed with its descendants; what it left behind as an
/// orphan goes on until the sandbox is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    sandbox_processes: Tree,
    notifications: NotifySocket,
}

/// Where a process lives and as whom it runs.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its current folder.
    pub(crate) dir: PathBuf,
    /// The folder of its log and its notification socket.
    pub(crate) run_dir: PathBuf,
    /// What tells its descendants, orphans among them.
    pub(crate) marker: Marker,
    /// The user and group that it runs as; the kit's own where there are none.
    pub(crate) user: Option<(u32, u32)>,
}

impl Process {
    /// Starts `command` on a sandbox, see [`Process::start_at`].
    pub(crate) fn start(sandbox: &Sandbox, name: &str, command: &Command) -> Self {
        let place = Place {
            dir: sandbox.dir().to_owned(),
            run_dir: sandbox.run_dir(),
            marker: sandbox.marker(),
            user: ordinary_user(),
        };
        Self::start_at(place, name, command)
    }

    /// Starts `command` on a sandbox, on the network behind a door.
    pub(crate) fn start_behind(door: &Door, sandbox: &Sandbox, name: &str, command: &Command) -> Self {
        // Only root enters another network; behind it the command becomes the ordinary user's again.
        let place = Place {
            dir: sandbox.dir().to_owned(),
            run_dir: sandbox.run_dir(),
            marker: sandbox.marker(),
            user: Some((0, 0)),
        };
        Self::start_at(place, name, &door.through(command))
    }

    /// Starts `command` in a session of its own, its output in a log file under the place's run folder.
    ///
    /// `name` names the log and the notification socket; each start gets a number of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) fn start_at(place: Place, name: &str, command: &Command) -> Self {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("{name}-{}", STARTS.fetch_add(1, Ordering::Relaxed));
        let log = place.run_dir.join(format!("{name}.log"));
        let notifications = NotifySocket::bind(&place.run_dir.join(format!("{name}.notify")));
        let mut command = in_own_session(command);
        command.current_dir(&place.dir);
        if let Some((uid, gid)) = place.user {
            command.uid(uid).gid(gid);
        }
        let output = open_log(&log);
        let errors = output.try_clone().expect("an open file can be shared");
        command
            .env(MARKER, place.marker.value())
            .env("NOTIFY_SOCKET", notifications.path())
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors));
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child, name, log, sandbox_processes: Tree::marked(place.marker), notifications }
    }

    /// Waits until the process says that it is ready.
    ///
    /// # Panics
    /// When it ends before, or takes longer than 20 seconds; the message holds the tail of its log.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let outcome = try_wait_until(PATIENCE, || {
            if self.is_in_service() {
                return Some(Ok(()));
            }
            self.exit_status().map(Err)
        });
        match outcome {
            Some(Ok(())) => {}
            Some(Err(status)) => panic!("{} ended before it was ready: {status}\n{}", self.name, self.log_tail()),
            None => panic!("{} was not ready within {PATIENCE:?}\n{}", self.name, self.log_tail()),
        }
    }

    /// Tells whether the process has said that it is ready and knows where it stands.
    pub fn is_in_service(&self) -> bool {
        self.notifications.is_in_service()
    }

    /// Returns the process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Tells whether the process is still running.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }

    /// Returns how the process ended, `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Returns the lines received by `sd_notify`, such as `READY=1` and `STATUS=...`.
    pub fn notifications(&self) -> Vec<String> {
        self.notifications.messages()
    }

    /// Returns the path of the log file.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Returns everything the process wrote.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns the last lines the process wrote.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Sends a signal to the process alone.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            // It is our child and not yet waited for: its id cannot belong to another process.
            let _ = kill(Pid::from_raw(self.pid()), signal);
        }
    }

    /// Asks the process to end by SIGTERM and waits for it.
    ///
    /// # Panics
    /// When it takes longer than 20 seconds.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit()
    }

    /// Kills the process alone; what it started goes on.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait_exit();
    }

    /// Kills the process and everything of its sandbox at one instant, as a power cut would.
    ///
    /// # Panics
    /// When one of them is still running after 20 seconds.
    pub fn kill_tree(&mut self) {
        let tree = self.sandbox_processes.clone();
        let left = if self.is_running() { tree.below(self.pid()) } else { tree }.kill();
        let _ = self.exit_status();
        assert!(left.is_empty(), "still running after SIGKILL: {left:?}");
    }

    /// Waits until the process ends by itself, for instance at a failpoint.
    ///
    /// # Panics
    /// When it takes longer than 20 seconds; the message holds the tail of its log.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        self.wait_exit_within(PATIENCE)
    }

    /// Waits until the process ends by itself, within a time of the caller's choice.
    ///
    /// # Panics
    /// When it takes longer; the message holds the tail of its log.
    #[track_caller]
    pub fn wait_exit_within(&mut self, deadline: Duration) -> ExitStatus {
        match try_wait_until(deadline, || self.exit_status()) {
            Some(status) => status,
            None => panic!("{} did not end within {deadline:?}\n{}", self.name, self.log_tail()),
        }
    }

    /// Waits until a line of the log contains `text` and returns it.
    ///
    /// # Panics
    /// When `deadline` passes; the message names the text.
    #[track_caller]
    pub fn wait_log(&self, text: &str, deadline: Duration) -> String {
        wait_until(&format!("{text:?} in the log of {}", self.name), deadline, || {
            self.log().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            Tree::default().below(self.pid()).kill();
            let _ = self.exit_status();
        }
    }
}

/// Runs a command through `setsid`, which gives way to it: the process id stays the same.
fn in_own_session(inner: &Command) -> Command {
    let mut wrapped = command("setsid");
    wrapped.arg("--").arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

fn open_log(path: &Path) -> File {
    let log = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    hand_over(path);
    log
}
