//! The device's side of talking to a server: polls it, tells it what it is owed, hands over what it answers.
//!
//! It decides nothing about packages: the server's answer goes to the machine, and what the machine wants to tell lies in
//! its outbox. A device without a server, or whose server is away, works on as ever.
//!
//! `link` is the loop, `session` one server's polls, `enrolment` how the device becomes known, `api` and `http` the two
//! calls on the wire, `download` a bundle as a stream; `backoff`, `jitter`, `offers` and `retry_after` compute when.

pub mod api;
pub mod backoff;
pub mod door;
pub mod download;
pub mod enrolment;
pub mod http;
pub mod jitter;
pub mod link;
pub mod measure;
pub mod offers;
pub mod retry_after;
pub mod session;
pub mod url;

use crate::config::settings::ServerSettings;

pub use link::Link;

/// What a person should know of the way to the server, one sentence each. For logs and `/status`.
pub fn open_link(settings: &ServerSettings) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.plain_http {
        warnings.push(
            "server.plain_http: this device's key may cross the network in clear text, and whoever stands between it and \
             the server may install packages on it"
                .to_owned(),
        );
    }
    warnings
}

#[cfg(test)]
mod tests;
