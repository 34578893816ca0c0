//! Records the disk of a virtual machine and replays it to every instant at which the power may go.
//!
//! A real kernel on a real ext4 runs the agent's jobs while qemu logs every write and every flush. From the log comes any
//! disk that a power cut could have left behind: all that was flushed, and any part of what was not. Each such disk is
//! mounted, booted in a container, left to the agent's own recovery, and must then be exactly the old device or exactly
//! the new one. The crate knows the agent only by its package.

pub mod campaign;
pub mod command;
pub mod container;
pub mod cuts;
pub mod disk;
pub mod image;
pub mod judge;
pub mod kills;
pub mod log;
pub mod machine;
pub mod mount;
pub mod payload;
pub mod record;
pub mod results;
pub mod state;
pub mod story;
pub mod tools;
