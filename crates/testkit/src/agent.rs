//! The agent's own binary, running on a sandbox.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::command::output;
use crate::network::Door;
use crate::notify::assert_socket_path;
use crate::ownership::write;
use crate::process::Process;
use crate::process_tree::MARKER;
use crate::sandbox::Sandbox;
use crate::tools::reachable_copy;

/// How the agent is started on a sandbox: which binary, which configuration, which environment.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    sandbox: &'a Sandbox,
    binary: PathBuf,
    settings: String,
    control: String,
    tables: String,
    server: String,
    host: String,
    environment: Vec<(String, String)>,
    door: Option<Door>,
}

/// A running `belay-agent run`.
#[derive(Debug)]
pub struct Agent<'a> {
    launch: Launch<'a>,
    process: Process,
}

/// A running `belay-agent host`.
#[derive(Debug)]
pub struct HostProcess(Process);

impl<'a> Launch<'a> {
    /// Prepares to start the agent's binary on a sandbox, with the least configuration that works there.
    ///
    /// # Panics
    /// When the binary cannot be found, or the sandbox's path is too long for the control socket.
    pub fn new(sandbox: &'a Sandbox, binary: &Path) -> Self {
        assert_socket_path(&socket_of(sandbox));
        Self {
            sandbox,
            binary: reachable_copy(binary),
            settings: String::new(),
            control: String::new(),
            tables: String::new(),
            server: String::new(),
            host: "mode = \"in_process\"\n".to_owned(),
            environment: Vec::new(),
            door: None,
        }
    }

    /// Lets the daemon live on a network of its own.
    #[must_use]
    pub fn at(mut self, door: &Door) -> Self {
        self.door = Some(door.clone());
        self
    }

    /// Runs daemon and privileged half as two processes, joined by a socket in the sandbox.
    #[must_use]
    pub fn separate_host(mut self) -> Self {
        let socket = self.sandbox.run_dir().join("host.sock");
        self.host = format!("mode = \"socket\"\nsocket = {socket:?}\nidle_s = 0\ndaemon_user = \"\"\n");
        self
    }

    /// Adds TOML lines at the top level of agent.toml, before its tables.
    #[must_use]
    pub fn setting(mut self, lines: &str) -> Self {
        push_line(&mut self.settings, lines);
        self
    }

    /// Adds TOML lines to the table `[control]` of agent.toml.
    #[must_use]
    pub fn control(mut self, lines: &str) -> Self {
        push_line(&mut self.control, lines);
        self
    }

    /// Polls this server, once the device has enrolled there.
    #[must_use]
    pub fn server(self, url: &str) -> Self {
        self.server_setting(&format!("url = {url:?}"))
    }

    /// Enrols by itself with this token.
    #[must_use]
    pub fn enrolment(self, token: &str) -> Self {
        let path = self.sandbox.run_dir().join("enrolment-token");
        write(&path, format!("{token}\n"));
        self.server_setting(&format!("token_file = {path:?}"))
    }

    /// Adds TOML lines to the table `[host]` of agent.toml; said after [`Launch::separate_host`], which writes the others.
    #[must_use]
    pub fn host_setting(mut self, lines: &str) -> Self {
        push_line(&mut self.host, lines);
        self
    }

    /// Adds TOML lines to the table `[server]` of agent.toml.
    #[must_use]
    pub fn server_setting(mut self, lines: &str) -> Self {
        push_line(&mut self.server, lines);
        self
    }

    /// Adds TOML text, tables of their own as a rule, at the end of agent.toml.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Self {
        push_line(&mut self.tables, text);
        self
    }

    /// Sets the failpoints of a binary that is built with them, such as `apply=panic`.
    #[must_use]
    pub fn failpoints(self, failpoints: &str) -> Self {
        self.env("FAILPOINTS", failpoints)
    }

    /// Sets an environment variable of the agent's processes.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes back an environment variable, such as `FAILPOINTS` for the start after the crash.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start(self) -> Agent<'a> {
        let mut agent = self.spawn();
        agent.wait_ready();
        agent
    }

    /// Starts the daemon without waiting, for one that is expected to die on the way.
    pub fn spawn(self) -> Agent<'a> {
        let command = self.command(&["run"]);
        let process = match &self.door {
            None => Process::start(self.sandbox, "agent", &command),
            Some(door) => Process::start_behind(door, self.sandbox, "agent", &command),
        };
        Agent { launch: self, process }
    }

    /// Starts the privileged half as a process of its own and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start_host(&self) -> HostProcess {
        let mut host = self.spawn_host();
        host.wait_ready();
        host
    }

    /// Starts the privileged half without waiting.
    pub fn spawn_host(&self) -> HostProcess {
        HostProcess(Process::start(self.sandbox, "host", &self.command(&["host"])))
    }

    /// Runs a command of the agent's command line to its end, with or without a running daemon.
    pub fn cli(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        output(command.env(MARKER, self.sandbox.marker().value()))
    }

    /// Writes agent.toml and returns its path.
    pub fn write_config(&self) -> PathBuf {
        let path = self.sandbox.run_dir().join("agent.toml");
        let text = format!(
            "state_dir = {:?}\n{}\n[root]\npath = {:?}\nscripts = \"chrootless\"\n\n[control]\nsocket = {:?}\n{}\n[host]\n{}\n[server]\npoll_s = 1\nproxy = \"direct\"\n{}\n{}",
            self.sandbox.state_dir(),
            self.settings,
            self.sandbox.root(),
            self.socket(),
            self.control,
            self.host,
            self.server,
            self.tables
        );
        // A running daemon may be reading it: an equal file is not written again.
        if !fs::read_to_string(&path).is_ok_and(|written| written == text) {
            write(&path, text);
        }
        path
    }

    /// Returns the path of the control socket.
    pub fn socket(&self) -> PathBuf {
        socket_of(self.sandbox)
    }

    fn command(&self, args: &[&str]) -> Command {
        // Not the sandbox's own APT_CONFIG: the agent has to point apt at its root by itself.
        let mut command = self.sandbox.command(&self.binary);
        command
            .env_remove("APT_CONFIG")
            .env("RUST_BACKTRACE", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--config").arg(self.write_config()).args(args);
        command
    }
}

impl<'a> Agent<'a> {
    /// Runs a command of the agent's command line to its end.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.launch.cli(args)
    }

    /// Returns the path of the control socket.
    pub fn socket(&self) -> PathBuf {
        self.launch.socket()
    }

    /// Ends the daemon, if it still runs, and returns how it was started, to start it again in the same or another way.
    pub fn into_launch(self) -> Launch<'a> {
        let Self { launch, process } = self;
        drop(process);
        launch
    }
}

impl Deref for Agent<'_> {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Agent<'_> {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Deref for HostProcess {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl DerefMut for HostProcess {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.0
    }
}

fn socket_of(sandbox: &Sandbox) -> PathBuf {
    sandbox.run_dir().join("agent.sock")
}

fn push_line(text: &mut String, lines: &str) {
    text.push_str(lines.trim_end());
    text.push('\n');
}
