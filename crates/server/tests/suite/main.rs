//! The server as a whole, on both of its databases.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests end them, and say on which database")]

mod api;
mod api_words;
mod backup;
mod commands;
mod databases;
mod deployments;
mod devices;
mod enrol;
mod fleet;
mod killed;
mod pieces;
mod retention;
mod simulation;
mod store;
mod sync;
mod tokens;
