//! The API, asked without sockets: every route on a real service over a real database.

mod access;
mod away;
mod bundles;
mod device_door;
mod documents;
mod fetching;
mod forms;
mod pieces;
mod refusals;
mod releases;
mod rollout;
mod watch;
mod world;
