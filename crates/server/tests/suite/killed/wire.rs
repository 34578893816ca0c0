//! How the load reaches the server: over sockets, wherever a server listens now, again and again until it answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// The servers' present addresses, one place for each, and the connections to them.
#[derive(Debug)]
pub(super) struct Wire {
    addresses: Mutex<Vec<Option<SocketAddr>>>,
    client: reqwest::Client,
    asked: AtomicU64,
}

/// What came back: a status, and JSON where there was any.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Wire {
    pub(super) fn new(servers: usize) -> Self {
        // The only provider there is; whoever came first installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { addresses: Mutex::new(vec![None; servers]), client, asked: AtomicU64::new(0) }
    }

    /// A server listens there from now on, or nowhere.
    pub(super) fn moved(&self, server: usize, address: Option<SocketAddr>) {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)[server] = address;
    }

    /// Sends a request once, to one server after the other; none where nobody answered, or only a part came back.
    pub(super) async fn ask(&self, method: &str, path: &str, secret: &str, body: &impl Serialize) -> Option<Answer> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let address = {
            let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let here: Vec<SocketAddr> = addresses.iter().copied().flatten().collect();
            let turn = usize::try_from(turn).unwrap_or_default();
            *here.get(turn.checked_rem(here.len())?)?
        };
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("http://{address}{path}")).bearer_auth(secret);
        let body = serde_json::to_value(body).unwrap();
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        Some(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
