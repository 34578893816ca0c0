//! A network of several hosts on one machine: a namespace for each with its own network and name, joined by
//! a bridge in one more. The machine's
//! own network is not touched and nothing is mounted: a namespace lives as long as the process that holds it.
//!
//! Only root can make one.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crate::command::{command, ordinary_user, succeed};
use crate::wait::wait_until;

/// How long a namespace may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first three parts of every address.
const SUBNET: [u8; 3] = [10, 77, 0];

/// A bridge, to which stations are plugged in.
#[derive(Debug)]
pub struct Network {
    bridge: Holder,
}

/// A host of the network. Dropped, its namespace goes once the last process in it has ended.
#[derive(Debug)]
pub struct Station {
    holder: Holder,
    address: Ipv4Addr,
    door: Door,
}

/// The way into a station for processes.
#[derive(Clone, Debug)]
pub struct Door {
    namespaces: PathBuf,
}

impl Network {
    /// Makes an empty network, or nothing without root rights.
    pub fn new() -> Option<Self> {
        ordinary_user()?;
        let network = Self { bridge: Holder::start("bridge") };
        network.bridge.ip("link add br0 type bridge");
        network.bridge.ip("link set br0 up");
        Some(network)
    }

    /// Plugs in a host that is called `device-number` and has the address `10.77.0.number` in a /24.
    ///
    /// # Panics
    /// When the number is taken.
    pub fn station(&self, number: u8) -> Station {
        let holder = Holder::start(&format!("device-{number}"));
        let [a, b, c] = SUBNET;
        let address = Ipv4Addr::new(a, b, c, number);
        let plug = format!("plug{number}");
        self.bridge.ip(&format!("link add {plug} type veth peer name eth0 netns {}", holder.pid()));
        self.bridge.ip(&format!("link set {plug} master br0 up"));
        holder.ip("link set lo up");
        holder.ip(&format!("addr add {address}/24 brd + dev eth0"));
        holder.ip("link set eth0 up");
        let door = holder.door();
        Station { holder, address, door }
    }
}

impl Station {
    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.address.into()
    }

    /// The way into it.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Whether somebody listens at a TCP port in it.
    pub fn listens(&self, port: u16) -> bool {
        let sockets = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.holder.pid())).unwrap_or_default();
        // `sl local_address rem_address st …`, of which 0A is the state of a listener.
        let ours = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(3) == Some(&"0A") && words.get(1).is_some_and(|local| local.ends_with(&format!(":{port:04X}")))
        };
        sockets.lines().any(ours)
    }

    /// Runs `ip` in it, with the words of a line.
    ///
    /// # Panics
    /// When that fails.
    pub fn ip(&self, words: &str) {
        self.holder.ip(words);
    }
}

impl Door {
    /// The same command, run inside as an ordinary user.
    pub fn through(&self, inner: &Command) -> Command {
        let (user, group) = ordinary_user().unwrap_or_else(|| panic!("only root enters another network"));
        let mut wrapped = self.enter();
        wrapped.arg("setpriv").args([format!("--reuid={user}"), format!("--regid={group}")]).arg("--clear-groups");
        wrapped.arg("--").arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        if let Some(dir) = inner.get_current_dir() {
            wrapped.current_dir(dir);
        }
        wrapped
    }

    /// The same command, run inside as root.
    pub fn through_as_root(&self, program: &str) -> Command {
        let mut wrapped = self.enter();
        wrapped.arg(program);
        wrapped
    }

    fn enter(&self) -> Command {
        let mut enter = as_root("nsenter");
        let namespaces = self.namespaces.display();
        enter.args([format!("--net={namespaces}/net"), format!("--uts={namespaces}/uts"), "--".to_owned()]);
        enter
    }
}

/// The process that keeps a namespace.
#[derive(Debug)]
struct Holder {
    child: Child,
}

impl Holder {
    fn start(name: &str) -> Self {
        let mut unshare = as_root("unshare");
        unshare.args(["--net", "--uts", "--", "/bin/sh", "-c", "hostname \"$1\" && exec sleep infinity", "sh", name]);
        let child = unshare.spawn().unwrap_or_else(|error| panic!("cannot start {unshare:?}: {error}"));
        let holder = Self { child };
        let running = format!("/proc/{}/comm", holder.pid());
        let there = || (std::fs::read_to_string(&running).ok()?.trim() == "sleep").then_some(());
        wait_until("a namespace that has its name", PATIENCE, there);
        holder
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn door(&self) -> Door {
        Door { namespaces: PathBuf::from(format!("/proc/{}/ns", self.pid())) }
    }

    fn ip(&self, words: &str) {
        succeed(self.door().enter().arg("ip").args(words.split_whitespace()));
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that keeps the kit's own rights, which are root's here.
fn as_root(program: &str) -> Command {
    let mut root = command(program);
    root.uid(0).gid(0);
    root
}
