//! Tests of the agent as a whole.

mod bundle;
mod capture;
#[cfg(feature = "failpoints")]
mod crash;
mod download;
#[cfg(feature = "failpoints")]
mod failpoints;
mod fleet;
mod legacy;
mod link;
mod model;
mod orders;
mod private_mounts;
mod process;
mod recovery;
mod rollback;
mod root;
mod support;
mod undo;
mod update;
