//! The only place that starts child processes.
//!
//! A child gets a clean environment, no standard input, a process group of its own (the daemon's end does not take it
//! along) and a limit of time. What it says is kept up to a limit of memory.

mod capture;
mod log;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::clock;
use crate::telemetry::notify;

use capture::{Event, Kept};
use log::Log;

/// A program to be run, with everything that it is given.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    folder: Option<PathBuf>,
    input: Option<Vec<u8>>,
    timeout: Duration,
    unit: Option<String>,
    session: bool,
    properties: Vec<String>,
    log: Option<(PathBuf, u64)>,
}

/// What a child said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output; invalid UTF-8 is replaced.
    pub stdout: String,
    /// Its standard error; invalid UTF-8 is replaced.
    pub stderr: String,
    /// Whether nothing of the two had to be left out.
    pub complete: bool,
}

/// Why a child did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("{program} was ended because it ran longer than {} s", after.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// The limit.
        after: Duration,
    },
}

impl Finished {
    /// Whether the child ended with exit code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Command {
    /// A program without arguments, found in the usual folders, that may run for ten minutes.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut env = BTreeMap::new();
        for (name, value) in ENVIRONMENT {
            env.insert(name.into(), value.into());
        }
        // Tests find the agent's children by this mark.
        if let Some(mark) = std::env::var_os("BELAY_SANDBOX") {
            env.insert("BELAY_SANDBOX".into(), mark);
        }
        let program = program.as_ref().to_owned();
        Self {
            program,
            args: Vec::new(),
            env,
            folder: None,
            input: None,
            timeout: TIMEOUT,
            unit: None,
            session: false,
            properties: Vec::new(),
            log: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Gives it these bytes as standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets how long it may run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it as a transient systemd unit of that name, out of reach of whatever stops our own unit; where there is
    /// none, in a session of its own, out of reach of the terminal's end.
    #[must_use]
    pub fn unit(mut self, name: Option<String>) -> Self {
        self.session = name.is_none();
        self.unit = name;
        self
    }

    /// Sets a property of its transient unit, such as `MemoryMax=64M`; without a unit it means nothing.
    #[must_use]
    pub fn property(mut self, setting: impl Into<String>) -> Self {
        self.properties.push(setting.into());
        self
    }

    /// Appends what it says to a file while it runs, both streams in the order of writing, and keeps none of it in
    /// memory. Of more than `bytes` the middle is left out.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>, bytes: u64) -> Self {
        self.log = Some((path.into(), bytes));
        self
    }

    /// Starts the child with this process's own output, in a process group of its own; the caller waits for it. Starts
    /// no thread, as a process must not that is to enter namespaces.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn_inherited(&self) -> io::Result<Child> {
        #[expect(clippy::disallowed_methods, reason = "this is the spawner")]
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).env_clear().envs(&self.env).stdin(Stdio::null()).process_group(0);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.spawn()
    }

    /// Runs the child to its end.
    pub fn run(self) -> Result<Finished, CommandError> {
        self.run_watched(None)
    }

    /// Runs the child to its end, and hands over each line that it writes to its file descriptor 3 meanwhile.
    pub fn run_with_status(self, status: &mut dyn FnMut(&str)) -> Result<Finished, CommandError> {
        self.run_watched(Some(status))
    }

    fn run_watched(self, mut status: Option<&mut dyn FnMut(&str)>) -> Result<Finished, CommandError> {
        let failed = |source| CommandError::Start { program: self.name(), source };
        let (sender, events) = sync_channel(EVENTS);
        let log = self.log.as_ref().map(|(path, bytes)| Log::open(path, *bytes)).transpose();
        let mut log = log.map_err(failed)?;
        let mut child = self.start(status.is_some(), sender).map_err(failed)?;
        let end = self.watch(&mut child, &events, &mut status, &mut log);
        if let Some(log) = log {
            log.finish();
        }
        let end = end.map_err(failed)?;
        end.ok_or_else(|| CommandError::Timeout { program: self.name(), after: self.timeout })
    }

    /// Starts the child and one thread per stream that it may write to.
    fn start(&self, with_status: bool, sender: SyncSender<Event>) -> io::Result<Child> {
        let argv = self.argv(with_status);
        #[expect(clippy::disallowed_methods, reason = "this is the spawner")]
        let mut command = std::process::Command::new(&argv[0]);
        command.args(&argv[1..]).env_clear().envs(&self.env);
        if !self.session {
            // `setsid` makes the group too, under the same number, and only works for a process that leads none yet.
            command.process_group(0);
        }
        let mut both = None;
        if self.log.is_some() {
            let (reader, writer) = io::pipe()?;
            command.stdout(writer.try_clone()?).stderr(writer);
            both = Some(reader);
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut status_pipe = None;
        if with_status {
            let (reader, writer) = io::pipe()?;
            command.stdin(writer);
            status_pipe = Some(reader);
        } else if self.input.is_some() {
            command.stdin(Stdio::piped());
        } else {
            command.stdin(Stdio::null());
        }
        let mut child = command.spawn()?;
        drop(command);
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input.clone()) {
            // A child that does not read its input to the end has its reasons.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        if let Some(reader) = status_pipe {
            capture::lines(reader, sender.clone());
        }
        capture::bytes(both, Event::Out, sender.clone());
        capture::bytes(child.stdout.take(), Event::Out, sender.clone());
        capture::bytes(child.stderr.take(), Event::Err, sender);
        Ok(child)
    }

    /// Collects what the child says until it has ended; none where it had to be ended.
    fn watch(
        &self,
        child: &mut Child,
        events: &Receiver<Event>,
        status: &mut Option<&mut dyn FnMut(&str)>,
        log: &mut Option<Log>,
    ) -> io::Result<Option<Finished>> {
        let deadline = clock::monotonic() + self.timeout;
        let mut fed = clock::monotonic();
        let (mut out, mut err) = (Kept::default(), Kept::default());
        let mut ended: Option<(ExitStatus, std::time::Instant)> = None;
        loop {
            let silent = match events.recv_timeout(TICK) {
                Ok(Event::Out(bytes)) => {
                    match log {
                        Some(log) => log.push(&bytes),
                        None => out.push(&bytes),
                    }
                    false
                }
                Ok(Event::Err(bytes)) => {
                    err.push(&bytes);
                    false
                }
                Ok(Event::Status(line)) => {
                    if let Some(status) = status {
                        status(&line);
                    }
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            let now = clock::monotonic();
            if now > fed + FEED {
                notify::at_work();
                fed = now;
            }
            if ended.is_none() {
                ended = child.try_wait()?.map(|status| (status, now));
            }
            match ended {
                // A daemon that a maintainer script started may keep the streams open for ever.
                Some((status, at)) if silent || now > at + LINGER => {
                    return Ok(Some(finished(status, out, err)));
                }
                None if now > deadline => {
                    self.end(child)?;
                    return Ok(None);
                }
                None if silent => std::thread::sleep(TICK / 10),
                Some(_) | None => {}
            }
        }
    }

    /// Ends the child and everything in its process group, and its unit where it has one.
    fn end(&self, child: &mut Child) -> io::Result<()> {
        if let Some(unit) = &self.unit {
            let _ = Self::new("systemctl").args(["stop", unit]).timeout(Duration::from_secs(60)).run();
        }
        if let Ok(group) = i32::try_from(child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        child.wait().map(drop)
    }

    /// The words that are started: the program, in a unit and with its status descriptor where asked for.
    fn argv(&self, with_status: bool) -> Vec<OsString> {
        let mut argv: Vec<OsString> = Vec::new();
        if let Some(unit) = &self.unit {
            argv.extend(["systemd-run", "--unit", unit, "--pipe", "--wait", "--collect", "--quiet"].map(Into::into));
            argv.extend(self.properties.iter().map(|setting| format!("--property={setting}").into()));
            for (name, value) in &self.env {
                let mut setting = OsString::from("--setenv=");
                setting.push(name);
                setting.push("=");
                setting.push(value);
                argv.push(setting);
            }
            if let Some(folder) = &self.folder {
                argv.extend(["--working-directory".into(), folder.into()]);
            }
            argv.push("--".into());
        }
        if self.session {
            argv.push("setsid".into());
        }
        if with_status {
            // The status pipe arrives as standard input, which systemd-run passes on too.
            argv.extend(["/bin/sh", "-c", "exec \"$@\" 3<&0 </dev/null", "sh"].map(Into::into));
        }
        argv.push(self.program.clone());
        argv.extend(self.args.iter().cloned());
        argv
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

fn finished(status: ExitStatus, out: Kept, err: Kept) -> Finished {
    let complete = out.is_complete() && err.is_complete();
    Finished { code: status.code(), stdout: out.into_text(), stderr: err.into_text(), complete }
}

const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("HOME", "/root"),
];

const TIMEOUT: Duration = Duration::from_secs(600);

/// How many pieces of what a child said may wait to be taken; it then waits too.
const EVENTS: usize = 64;

/// How often a silent child is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How often a child that is waited for counts as work that goes on.
const FEED: Duration = Duration::from_secs(10);

/// How long after a child's end its streams are still read, where somebody else holds them open.
const LINGER: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests;
