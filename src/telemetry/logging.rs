//! Log lines, as those of the agent: daemon and host alike.

use belay_telemetry::logging::Identity;
pub use belay_telemetry::logging::start;

/// `job.id` becomes BELAY_JOB_ID: `journalctl BELAY_JOB_ID=7` is the story of one job, from daemon and host.
pub const IDENTITY: Identity = Identity { identifier: "belay-agent", prefix: Some("BELAY") };
