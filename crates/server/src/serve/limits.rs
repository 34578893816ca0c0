//! How much of the server one client may use, and for how long.

use std::time::Duration;

/// The limits of every connection. All of them can be set; the defaults suit a public address.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many connections there are at most. Lowered at start to what the limit on open files allows.
    pub connections: usize,
    /// How many of them one address may have; nobody is limited where this is absent (devices behind one router share
    /// its address).
    pub per_address: Option<usize>,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of a request may take from its first byte, or a new connection's first request to come.
    pub head: Duration,
    /// How long the body of a request may stand still before it is answered with 408.
    pub body_idle: Duration,
    /// How long a client may take nothing of its answer.
    pub write_stall: Duration,
    /// How long a connection is kept between two requests: longer than a usual poll interval, because keeping it is
    /// cheaper than another handshake.
    pub keep_alive: Duration,
    /// How long a client that is being refused may go on sending before it is cut, so that it can read why.
    pub linger: Duration,
    /// Below how many bytes per second a transfer counts as slow, and may be cut where the server is full.
    pub slow_rate: u64,
    /// How many bytes the head of a request has at most; also the size of a connection's read buffer.
    pub head_bytes: usize,
    /// How long requests under way may take once the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            per_address: None,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            keep_alive: Duration::from_secs(330),
            linger: Duration::from_secs(3),
            slow_rate: 1024,
            head_bytes: 16 * 1024,
            grace: Duration::from_secs(20),
        }
    }
}
