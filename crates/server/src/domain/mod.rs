//! Decisions about a fleet, and the things that they are about.
//!
//! Everything below this folder is a pure function over plain data: no clock, no store, no network, no log, no async.
//! The same inputs give the same answer, on every replica and in every test.

mod assignment;
mod channel;
mod count;
mod deployment;
mod device;
pub mod exclusion;
mod field;
pub mod filter;
pub mod fleet;
pub mod order;
pub mod policy;
pub mod progress;
mod release;
pub mod rollout;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
mod time;
pub mod verbs;
pub mod wave;

pub use assignment::{Assignment, AssignmentStatus};
pub use channel::Channel;
pub(crate) use count::{all_of, by_count, counted};
pub use deployment::{Deployment, Forgiven, Frozen};
pub use device::{Device, OutboxMark};
pub use field::FieldError;
pub use release::{Demands, Payload, PayloadKind, Release};
