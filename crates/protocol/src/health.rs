//! What the health gate is told: measured facts, before and after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a device is doing at one moment, without any configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// systemd units in state `failed`; empty where systemd is not PID 1.
    pub failed_units: Vec<String>,
    /// How often systemd restarted each service that it ever restarted.
    pub restarts: BTreeMap<String, u64>,
    /// What `dpkg --audit` complains of, one package a line.
    pub audit: Vec<String>,
}

/// How one check of the health gate ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's name.
    pub name: String,
    /// Whether a failure undoes the update; otherwise it only warns.
    pub required: bool,
    /// How it ended.
    pub passed: bool,
    /// What it saw last, for people.
    pub message: String,
}

/// Everything that the health gate judges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Taken with the restore point.
    pub before: Vitals,
    /// Taken after applying.
    pub after: Vitals,
    /// The configured checks.
    pub checks: Vec<CheckResult>,
}
