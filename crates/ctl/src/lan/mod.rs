//! The devices of a network, without a server: found, updated and taken back over their port 5000.
//!
//! The words are here; finding and ordering are one file each. A device is an agent of ours or the old Flask program.

mod agent;
mod announced;
pub(crate) mod answers;
mod carry_out;
mod device;
mod flask;
mod rehearse;
mod said;
mod scan;
mod scope;
mod site;
mod sweep;
mod twins;

use std::net::SocketAddr;
use std::time::Duration;

use belay_protocol::PackageList;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use carry_out::{ASKING, carry_out};
pub(crate) use device::look;
pub(crate) use rehearse::rehearse;
pub(crate) use scan::scan;
pub(crate) use scope::{Scope, network};
pub(crate) use site::{Site, SiteDevice, read_token};

use crate::secret::Secret;

/// The port of agents and of the old program.
pub(crate) const PORT: u16 = 5000;

/// A device that answers on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Host {
    /// Where it answers.
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// What it calls itself; nothing where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What answers there.
    pub(crate) kind: Kind,
    /// The agent's version; nothing where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// The generation in force; nothing where the device does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<u64>,
    /// What it is at, or did last, in the words of the agent's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<String>,
    /// Whether it announced its name itself; then that is the one it goes by.
    #[serde(skip)]
    pub(crate) announced: bool,
}

impl Host {
    /// A device of which no more is known than where it is and what.
    pub(crate) fn new(address: SocketAddr, kind: Kind) -> Self {
        Self { address, name: None, kind, version: None, generation: None, last: None, announced: false }
    }

    /// Adds what was learned of the same device since. What was known stays where nothing newer is.
    pub(crate) fn learn(&mut self, newer: Self) {
        self.kind = newer.kind;
        if newer.announced || !self.announced {
            self.name = newer.name.or(self.name.take());
            self.announced = newer.announced;
        }
        self.version = newer.version.or(self.version.take());
        self.generation = newer.generation.or(self.generation);
        self.last = newer.last.or(self.last.take());
    }
}

/// Adds a device to those known, in the order of addresses; one that is known learns.
pub(crate) fn add(hosts: &mut Vec<Host>, host: Host) {
    match hosts.binary_search_by_key(&host.address, |known| known.address) {
        Ok(place) => hosts[place].learn(host),
        Err(place) => hosts.insert(place, host),
    }
}

/// What a scan comes upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A device. The same one may come again with more known of it, see [`add`].
    Device(Host),
    /// A sentence for the person who looks on: what was not looked at, or what does not answer.
    Remark(String),
}

/// A device that is to be told something, and the right to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The device.
    pub(crate) host: Host,
    /// Its token, where there is one. It is sent to agents only.
    pub(crate) token: Option<Secret>,
}

impl Target {
    /// Whether its token would cross a network, which is not encrypted.
    pub(crate) fn is_in_clear(&self) -> bool {
        self.token.is_some() && !self.host.address.ip().is_loopback()
    }
}

/// How an order is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// At how many devices at once.
    pub(crate) parallel: usize,
    /// How long one device may take.
    pub(crate) timeout: Duration,
    /// Whether tokens may cross the network in clear text.
    pub(crate) plain_http: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { parallel: 16, timeout: Duration::from_secs(60 * 60), plain_http: false }
    }
}

/// What answers on a device's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HostKind)]
pub(crate) enum Kind {
    /// belay-agent, and it takes orders from here.
    Agent,
    /// belay-agent, which wants a token.
    Locked,
    /// The old Flask program: it takes orders from everybody and cannot undo.
    Flask,
}

/// What a device is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Install a package list.
    Update {
        /// What its file is called.
        name: String,
        /// The packages.
        list: PackageList,
    },
    /// Go back to the state before the last update.
    Rollback,
}

/// News of one device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// It is at work.
    Working {
        /// At what, in the words of the agent's command line, such as `applying`.
        step: String,
        /// How far this step has come; nothing where the device does not say.
        percent: Option<u8>,
    },
    /// It is done, one way or the other. Nothing comes after this.
    Ended(End),
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = HostEnd)]
pub(crate) struct End {
    /// How.
    pub(crate) outcome: Outcome,
    /// Why, in a sentence.
    pub(crate) message: String,
    /// The code of the refusal or failure, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How long it took.
    pub(crate) seconds: u64,
}

/// How an order ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HostOutcome)]
pub(crate) enum Outcome {
    /// The device is as asked.
    Done,
    /// It refused; nothing was changed.
    Refused,
    /// It failed and was undone; the device is as before.
    Undone,
    /// A person must look at the device; an old device that failed is in a state that nobody knows.
    NeedsAttention,
    /// It could not be reached; nothing was changed.
    Unreachable,
    /// It took the order and was not heard of again within the time given; it may still be at work.
    Silent,
}
