//! The devices of a network, without a server: found, updated and taken back over their port 5000.
//!
//! The words are here; finding and ordering are one file each. A device is an agent of ours or the old Flask program.

use std::net::SocketAddr;

use belay_protocol::PackageList;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
}

/// What answers on a device's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
