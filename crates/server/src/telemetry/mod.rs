//! What the outside is told about this process: log lines, notes to systemd, figures.

pub use belay_telemetry::{logging, notify};

use belay_telemetry::logging::Identity;

pub mod metrics;

/// By what its lines are found in the journal.
pub const IDENTITY: Identity = Identity { identifier: "belay-server", prefix: None };
