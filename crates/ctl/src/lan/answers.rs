//! What `belayctl lan` answers.

use std::net::SocketAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::{End, Host, Kind, Outcome};

/// What a scan found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scanned {
    /// The devices, in the order of their addresses.
    pub(crate) devices: Vec<Host>,
    /// The networks whose every address was asked.
    pub(crate) networks: Vec<String>,
    /// What a person should know, a sentence each.
    pub(crate) remarks: Vec<String>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
}

/// How an order ended everywhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Carried {
    /// The devices, in the order in which they were named.
    pub(crate) devices: Vec<Ended>,
    /// How many are as asked.
    pub(crate) done: usize,
}

/// How an order ended at one device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ended {
    /// Where it answers.
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub(crate) end: End,
}

/// What would happen everywhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rehearsed {
    /// The devices, in the order in which they were named.
    pub(crate) devices: Vec<Foreseen>,
}

/// What would happen at one device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Foreseen {
    /// Where it answers.
    #[schema(value_type = String)]
    pub(crate) address: SocketAddr,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What answers there; nothing where nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Kind>,
    /// `done` where it would go well; `refused` where not or where it cannot be foreseen; `unreachable`.
    pub(crate) outcome: Outcome,
    /// In a sentence.
    pub(crate) message: String,
    /// The code of the refusal, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What would change, a line a package.
    pub(crate) changes: Vec<String>,
}
