//! Which addresses may be served in the clear.

use std::net::SocketAddr;

/// Refuses to listen beyond this machine without TLS, because keys and tokens would cross the network in the clear,
/// unless the operator says that something in front of the server takes care of it (`plain_http`).
///
/// # Errors
/// The sentence for the operator.
pub fn open_doors(listen: &[SocketAddr], tls: bool, plain_http: bool) -> Result<Vec<String>, String> {
    let bare: Vec<String> = listen
        .iter()
        .filter(|address| !tls && !address.ip().to_canonical().is_loopback())
        .map(ToString::to_string)
        .collect();
    if bare.is_empty() {
        return Ok(Vec::new());
    }
    let addresses = bare.join(", ");
    if plain_http {
        return Ok(vec![format!(
            "device keys and tokens cross the network in the clear on {addresses}: let only a proxy that speaks TLS reach it"
        )]);
    }
    Err(format!(
        "{addresses} can be reached from other machines and would be served without TLS: set a certificate and its key, \
         listen on 127.0.0.1, or set plain_http where a proxy in front of it speaks TLS"
    ))
}

#[cfg(test)]
mod tests;
