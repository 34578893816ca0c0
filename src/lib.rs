//! belay-agent: updates one Debian device from package lists, and can undo every update offline.
//!
//! The `machine` decides, the `host` acts, the `daemon` carries messages between them.

pub mod activation;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod durable;
pub mod facts;
pub mod failpoint;
pub mod host;
pub mod identity;
pub mod journal;
pub mod machine;
pub mod remote;
pub mod telemetry;
mod waiting;
