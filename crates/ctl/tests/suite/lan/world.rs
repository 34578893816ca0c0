//! The network: a technician with belayctl, devices with agents or with the old program, and strangers.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use belay_testkit::command::{command, output};
use belay_testkit::network::{Door, Network, Station};
use belay_testkit::ownership::{hand_over, write, write_with_mode};
use belay_testkit::process_tree::{MARKER, Tree};
use belay_testkit::tools::unpacked;
use belay_testkit::{Agent, Launch, Sandbox, wait_until};

use crate::support::{Operator, PATIENCE, Ran, binary, skipped};

/// What agents and their technician know, where a token is needed.
pub(super) const TOKEN: &str = "a-token-of-the-plant-0001";

/// A network with a technician.
pub(super) struct Lan {
    pub(super) network: Network,
    pub(super) technician: Station,
    pub(super) operator: Operator,
}

/// A program that is no agent, on a station of its own; killed with what it started when it is dropped.
pub(super) struct Other {
    child: Child,
    pub(super) station: Station,
    pub(super) log: PathBuf,
}

impl Lan {
    /// Makes the network; says so and gives nothing where root rights are missing.
    pub(super) fn new() -> Option<Self> {
        let Some(network) = Network::new() else {
            skipped("needs root");
            return None;
        };
        let technician = network.station(1);
        Some(Self { network, technician, operator: Operator::new() })
    }

    /// Runs belayctl on the technician's machine.
    pub(super) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(words, output(&mut self.command(words)))
    }

    /// belayctl on the technician's machine, ready to be started.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        self.technician.door().through(&self.operator.command(words))
    }

    /// Runs belayctl on a terminal of the technician's machine, where somebody types this once a question stands there.
    /// What is shown is in `stdout`.
    pub(super) fn run_on_a_terminal(&self, words: &[&str], typed: &str) -> Ran {
        let mut script = self.operator.any(Path::new("/usr/bin/script"));
        let line = format!("stty cols 100 rows 30 -echo; exec {} {}", binary("belayctl").display(), words.join(" "));
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        script.env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
        let mut script = self.technician.door().through(&script);
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = script.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        let ran = child.wait_with_output().unwrap();
        // Left open until then: a terminal whose keyboard is gone hangs up.
        drop(stdin);
        Ran::of(words, ran)
    }

    /// Plugs in a station, and starts a stranger on it.
    pub(super) fn stranger(&self, number: u8, habit: &str) -> Other {
        let script = self.operator.write("stranger.py", include_str!("stranger.py"));
        let mut python = command("/usr/bin/python3");
        python.arg(script).arg(habit).env("PYTHONUNBUFFERED", "1");
        self.other(number, &python, habit)
    }

    fn other(&self, number: u8, inner: &Command, name: &str) -> Other {
        let station = self.network.station(number);
        let log = self.operator.path(&format!("{name}-{number}.log"));
        let file = fs::File::create(&log).unwrap();
        hand_over(&log);
        let mut outer = station.door().through(inner);
        outer.stdout(Stdio::from(file.try_clone().unwrap())).stderr(Stdio::from(file));
        let child = outer.spawn().unwrap();
        let other = Other { child, station, log };
        wait_until(&format!("{name} to listen: {}", other.said()), PATIENCE, || {
            other.station.listens(5000).then_some(())
        });
        other
    }

    /// Plugs in a station with the old Flask program, whose apt works on a sandbox; nothing where Flask cannot be had.
    pub(super) fn flask(&self, number: u8, sandbox: &Sandbox) -> Option<Other> {
        let python = old_program(sandbox, "0.0.0.0")?;
        Some(self.other(number, &python, "flask"))
    }
}

/// The old Flask program, ready to be started on port 5000 of an address; nothing where Flask cannot be had.
pub(crate) fn old_program(sandbox: &Sandbox, host: &str) -> Option<Command> {
    let Some(flask) = unpacked(&FLASK) else {
        skipped("there is no Flask to be had");
        return None;
    };
    let (tools, app) = (sandbox.run_dir().join("tools"), sandbox.run_dir().join("app.py"));
    // sudo gives apt root rights over the device: here the device is the sandbox.
    let sudo = format!("#!/bin/sh\nAPT_CONFIG={} exec \"$@\"\n", sandbox.apt_config().display());
    write_with_mode(&tools.join("sudo"), sudo, 0o755);
    let database = sandbox.path("var/lib/dpkg");
    let query = format!("#!/bin/sh\nexec /usr/bin/dpkg-query --admindir={} \"$@\"\n", database.display());
    write_with_mode(&tools.join("dpkg-query"), query, 0o755);
    write(&app, include_str!("app.py"));
    let mut python = command("/usr/bin/python3");
    python
        .args([app.as_os_str(), host.as_ref()])
        .current_dir(sandbox.run_dir())
        .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display()))
        .env("PYTHONPATH", flask.join("usr/lib/python3/dist-packages"))
        .env("PYTHONUNBUFFERED", "1")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env(MARKER, sandbox.marker().value());
    Some(python)
}

const FLASK: [&str; 7] = [
    "python3-flask",
    "python3-werkzeug",
    "python3-jinja2",
    "python3-markupsafe",
    "python3-itsdangerous",
    "python3-click",
    "python3-colorama",
];

impl Other {
    /// What it wrote.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its address.
    pub(super) fn address(&self) -> IpAddr {
        self.station.address()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        Tree::default().below(self.child.id().cast_signed()).kill();
        let _ = self.child.wait();
    }
}

/// An agent, not started yet, on a station.
pub(super) fn agent<'a>(station: &Station, sandbox: &'a Sandbox) -> Launch<'a> {
    let scripts = sandbox.run_dir().join("health");
    Launch::new(sandbox, &binary("belay-agent"))
        .toml(&format!("[health]\nscripts = {scripts:?}\nsettle_s = 0"))
        .at(station.door())
}

/// An agent that takes orders from whoever is in its network.
pub(super) fn open_agent<'a>(station: &Station, sandbox: &'a Sandbox) -> Launch<'a> {
    let doors = format!("listen = [\"{}:5000\"]\nlegacy = [\"10.77.0.0/24\"]", station.address());
    agent(station, sandbox).control(&doors)
}

/// An agent that wants a token.
pub(super) fn locked_agent<'a>(station: &Station, sandbox: &'a Sandbox) -> Launch<'a> {
    let token = sandbox.run_dir().join("token");
    write_with_mode(&token, format!("{TOKEN}\n"), 0o640);
    let doors = format!("listen = [\"{}:5000\"]\ntoken_file = {token:?}\nplain_tokens = true", station.address());
    agent(station, sandbox).control(&doors)
}

/// Starts them all, then waits for each.
#[track_caller]
pub(super) fn start_all<'a>(launches: impl IntoIterator<Item = Launch<'a>>) -> Vec<Agent<'a>> {
    let mut agents: Vec<Agent<'a>> = launches.into_iter().map(Launch::spawn).collect();
    agents.iter_mut().for_each(|agent| agent.wait_ready());
    agents
}

/// Runs a program as root on a station, with the libraries of a folder of unpacked packages.
pub(super) fn foreign(door: &Door, folder: &Path, program: &str) -> Command {
    let mut command = door.through_as_root(program);
    command.env("LD_LIBRARY_PATH", folder.join("usr/lib/x86_64-linux-gnu"));
    command
}
