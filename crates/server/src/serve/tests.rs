//! Clients with real sockets: slow, silent, many, and good ones among them.

mod closing;
mod crowding;
mod memory;
mod patience;
mod secure;
mod world;
