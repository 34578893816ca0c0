//! belay-agent: updates one Debian device from package lists, and can undo every update offline.
//!
//! The `machine` decides, the `host` acts, the `daemon` carries messages between them.

pub mod clock;
pub mod config;
pub mod durable;
pub mod failpoint;
pub mod host;
pub mod machine;
