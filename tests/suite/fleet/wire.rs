//! What a poll with nothing new costs on the wire between the real agent and the real server.

use belay_testkit::{Sandbox, wait_until};

use super::proxy::Proxy;
use super::world::Fleet;
use crate::support::*;

/// Bytes each way, headers included.
const MOST: usize = 600;

#[test]
fn a_poll_with_nothing_new_is_at_most_600_bytes_each_way() {
    let fleet = Fleet::start();
    let sandbox = Sandbox::new();
    let proxy = Proxy::to(fleet.server().url().trim_start_matches("http://").parse().expect("an address"));
    let (_agent, _) = fleet.join_as(fleet.launch_at(&sandbox, &proxy.url()));
    // Enrolment and the profile come first; whole are all but the last.
    let idle = wait_until("three polls with nothing new", PATIENCE, || {
        let mut exchanges = proxy.exchanges();
        exchanges.pop();
        exchanges.retain(|exchange| {
            let text = String::from_utf8_lossy(&exchange.up);
            text.starts_with("POST /api/v1/sync ") && !text.contains("\"profile\"")
        });
        (exchanges.len() >= 3).then_some(exchanges)
    });
    for exchange in &idle {
        let texts = [&exchange.up, &exchange.down].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(exchange.down.starts_with(b"HTTP/1.1 200 "), "{}", texts[1]);
        assert!(exchange.up.len() <= MOST, "{} bytes up:\n{}", exchange.up.len(), texts[0]);
        assert!(exchange.down.len() <= MOST, "{} bytes down:\n{}", exchange.down.len(), texts[1]);
    }
    let most = |side: fn(&super::proxy::Exchange) -> usize| idle.iter().map(side).max().unwrap_or_default();
    println!("{} bytes up, {} bytes down", most(|exchange| exchange.up.len()), most(|exchange| exchange.down.len()));
}
