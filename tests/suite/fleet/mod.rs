//! Real agents on sandbox roots with real apt, against the real server.

mod members;
mod proxy;
mod rollout;
mod trouble;
mod wire;
mod world;
