//! The local API: HTTP on a Unix socket, and on TCP where a setting opens it.
//!
//! A door only translates. It decides who may ask (`access`), reads what is asked (`body`), hands it to the daemon
//! through its `Handle`, and shows what the daemon's view says. It never touches the device and keeps no state.

mod access;
mod body;
mod bundle;
mod errors;
mod events;
mod host_check;
mod inspections;
mod jobs;
mod legacy;
mod peer;
mod query;
mod routes;
mod serve;
mod server;
mod state;
mod token;
mod uploads;
mod versions;
mod views;
mod wait;

pub use errors::Refusal;
pub use peer::Peer;
pub use routes::router;
pub use serve::{BindError, bind_socket, serve_socket, serve_tcp};
pub use state::{ControlState, open_doors};
pub use token::TokenError;
pub use uploads::Uploads;

#[cfg(test)]
pub(crate) mod tests;
