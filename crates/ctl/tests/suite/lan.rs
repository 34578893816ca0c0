//! A network of several hosts, each in a namespace of its own: agents, the old Flask program, and hosts that misbehave.

mod announced;
mod push;
mod scan;
mod strangers;
mod twice;
mod unreachable;
pub(crate) mod world;
