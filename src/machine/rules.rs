//! The rules that guard, policy and gate apply: settings, already valid.

pub mod defaults;

use std::time::Duration;

use belay_protocol::Reason;
use jiff::Timestamp;

pub use belay_protocol::window::{Window, WindowError};

/// Bytes in a megabyte, as settings and messages count them.
pub const MEGABYTE: u64 = 1024 * 1024;

/// All rules of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What a plan may do.
    pub guard: GuardRules,
    /// When anything may be done.
    pub policy: PolicyRules,
}

/// What a plan may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardRules {
    /// Origins that packages may come from, `Label` or `Label:archive`; empty allows every origin that apt trusts.
    pub allowed_origins: Vec<String>,
    /// Whether kernel, firmware and boot files may be touched at all.
    pub allow_boot: bool,
    /// Patterns (`*` matches any text) of packages that an update must not touch unless approved.
    pub protected: Vec<String>,
    /// Patterns of packages whose data does not go back with them.
    pub one_way: Vec<String>,
    /// Patterns of kernel, firmware and boot loader packages.
    pub boot: Vec<String>,
    /// Patterns (`*` matches any text, slashes too) of absolute paths that a bundle must not change unless approved.
    pub paths: Vec<String>,
    /// Bytes of the disk that stay free whatever is asked.
    pub reserve_bytes: u64,
}

/// When anything may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRules {
    /// Nothing new is installed; rollbacks go on.
    pub lockdown: bool,
    /// Updates run only inside one of these; any time where there is none.
    pub windows: Vec<Window>,
    /// The clock cannot be right before this instant: when this program was built.
    pub not_before: Timestamp,
    /// A server may order a rollback only of a generation that was committed within this time.
    pub server_rollback_within: Duration,
    /// The refusals that a server's release may override; [`Denied`](belay_protocol::Reason::Denied) always.
    pub server_may_approve: Vec<Reason>,
}

/// One configured check of the health gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// Its name in results and logs.
    pub name: String,
    /// What is looked at.
    pub probe: Probe,
    /// Whether a failure undoes the update; otherwise it only warns.
    pub required: bool,
    /// Failures within this time after the change do not count.
    pub grace: Duration,
    /// Time between two looks.
    pub interval: Duration,
    /// Failed looks after the grace time that are tolerated.
    pub retries: u32,
    /// How long one look may take.
    pub timeout: Duration,
    /// How long it must hold without a failure before it counts as passed.
    pub settle: Duration,
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A systemd unit is active.
    Unit(String),
    /// A unit of ours is active, and says of itself that it is in service.
    InService(String),
    /// An HTTP URL answers with this status.
    Http {
        /// The URL.
        url: String,
        /// The status that counts as healthy.
        status: u16,
    },
    /// A TCP port accepts a connection.
    Tcp(String),
    /// A command ends with exit code 0.
    Command(Vec<String>),
}
