//! Owns the sockets: who is let in, how long each may take, and how everybody is shown out at the end.
//!
//! What is answered is the router's business; nothing here reads a request. A connection has one task and one timer,
//! and every wait in it has a limit (`limits`), so that a client that is slow, silent or one of ten thousand costs
//! bounded memory and nobody else's time. When the server is full, `crowd` says who has to go.

mod accept;
mod activity;
mod body_limit;
mod connection;
mod connections;
mod crowd;
mod doors;
mod guarded;
mod limits;
mod refusal;
mod request_body;
mod response_body;
mod tls;

pub use accept::{Ended, ServeError, run};
pub use body_limit::limit_body;
pub use connections::Connections;
pub use doors::open_doors;
pub use limits::Limits;
pub use refusal::refusal;
pub use tls::{TlsError, TlsSettings};

#[cfg(test)]
mod tests;
