//! The server's own binary, running on a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crate::command::{command, ordinary_user, output};
use crate::http::Endpoint;
use crate::ownership::{hand_over, write};
use crate::process::{Place, Process};
use crate::process_tree::Marker;
use crate::tools::reachable_copy;
use crate::wait::wait_until;

/// How long the server may take to say where it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the server is started: which binary, which folder, which settings.
#[derive(Debug)]
pub struct ServerLaunch {
    binary: PathBuf,
    folder: PathBuf,
    marker: Marker,
    settings: String,
    listen: String,
}

/// A running `belay-server serve`.
#[derive(Debug)]
pub struct Server {
    launch: ServerLaunch,
    process: Process,
    address: SocketAddr,
}

impl ServerLaunch {
    /// Prepares to start the server's binary on an empty folder, with the least configuration that works there.
    ///
    /// # Panics
    /// When the binary cannot be found.
    pub fn new(folder: &Path, binary: &Path) -> Self {
        hand_over(folder);
        Self {
            binary: reachable_copy(binary),
            folder: folder.to_owned(),
            marker: Marker::new(folder),
            settings: String::new(),
            listen: "127.0.0.1:0".to_owned(),
        }
    }

    /// Adds TOML text, tables of their own as a rule, at the end of server.toml.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Self {
        self.settings.push_str(text.trim_end());
        self.settings.push('\n');
        self
    }

    /// Starts the server and waits until it says where it listens.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the message holds the tail of its log.
    #[track_caller]
    pub fn start(self) -> Server {
        let mut inner = command(&self.binary);
        inner.arg("--config").arg(self.write_config()).arg("serve");
        let place = Place {
            dir: self.folder.clone(),
            run_dir: self.folder.clone(),
            marker: self.marker.clone(),
            user: ordinary_user(),
        };
        let mut process = Process::start_at(place, "server", &inner);
        let address = wait_until("the server's address in its log", PATIENCE, || {
            assert!(process.is_running(), "the server ended at its start\n{}", process.log_tail());
            process.log().lines().filter(|line| line.contains("listening")).find_map(address_in)
        });
        Server { launch: self, process, address }
    }

    /// Runs a command of the server's command line to its end, with or without a running server.
    pub fn cli(&self, args: &[&str]) -> Output {
        let mut inner = command(&self.binary);
        output(inner.arg("--config").arg(self.write_config()).args(args))
    }

    /// Writes server.toml and returns its path.
    pub fn write_config(&self) -> PathBuf {
        let path = self.folder.join("server.toml");
        let text =
            format!("state_dir = {:?}\nlisten = [{:?}]\n{}", self.folder.join("state"), self.listen, self.settings);
        if !fs::read_to_string(&path).is_ok_and(|written| written == text) {
            write(&path, text);
        }
        path
    }
}

impl Server {
    /// Its address as a device is told it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address for requests of a test's own.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp(self.address)
    }

    /// Runs a command of the server's command line to its end.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.launch.cli(args)
    }

    /// A new token with these permissions, such as `admin:full`.
    ///
    /// # Panics
    /// When the server makes none.
    #[track_caller]
    pub fn token(&self, name: &str, permission: &str) -> String {
        let made = self.cli(&["token", "create", "--name", name, "--permission", permission, "--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&made.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}) from `token create`: {made:?}"));
        let token = shown["token"].as_str().or_else(|| shown["secret"].as_str());
        token.unwrap_or_else(|| panic!("no token in {shown}")).to_owned()
    }

    /// Ends the server, if it still runs, and returns how it was started, to start it again on the same address.
    pub fn into_launch(self) -> ServerLaunch {
        let Self { launch, process, address } = self;
        drop(process);
        ServerLaunch { listen: address.to_string(), ..launch }
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// The address that a line of the log names.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| c.is_whitespace() || "=\"/".contains(c)).find_map(|word| word.parse().ok())
}
