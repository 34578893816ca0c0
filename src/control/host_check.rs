//! Whether a request was meant for this device, and not sent by a web page of somebody else.
//!
//! A page that a person opens can make their browser call any address, this device's included. A foreign name in
//! `Host` betrays DNS rebinding; `Origin`, `Referer` and `Sec-Fetch-Site` betray the page. To a plain-HTTP address
//! that is not loopback browsers send no `Sec-Fetch-Site`, and a page can hold back the other two: what is left is what
//! every browser says of itself.

use std::net::IpAddr;

use axum::http::header::{ACCEPT, HOST, ORIGIN, REFERER, UPGRADE_INSECURE_REQUESTS, USER_AGENT};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method};

use super::errors::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");

/// The names of this device, beside `localhost` and loopback addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Addresses that it listens on.
    pub addresses: Vec<IpAddr>,
    /// Names by which its settings let it be called.
    pub names: Vec<String>,
}

impl Names {
    /// Refuses a request whose `Host` is not a name of this device, reached at the address `local`.
    pub(super) fn check_host(&self, head: &Parts, local: IpAddr) -> Result<(), Refusal> {
        let host = the_one(&head.headers, &HOST).ok_or_else(|| Refusal::WrongHost(String::new()))?;
        let target = head.uri.authority().map(Authority::as_str);
        for named in target.into_iter().chain([host]) {
            if !self.is_ours(named, local) {
                return Err(Refusal::WrongHost(named.to_owned()));
            }
        }
        Ok(())
    }

    fn is_ours(&self, named: &str, local: IpAddr) -> bool {
        let Ok(authority) = named.parse::<Authority>() else { return false };
        if named.contains('@') {
            return false;
        }
        let host = authority.host().trim_end_matches('.');
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let address = address.to_canonical();
            if address.is_loopback() || address == local.to_canonical() || self.addresses.contains(&address) {
                return true;
            }
        }
        host.eq_ignore_ascii_case("localhost") || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Refuses what a web page of another host sent.
pub(super) fn check_origin(head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    if headers.contains_key(ORIGIN) {
        let origin = the_one(headers, &ORIGIN).unwrap_or("several");
        let own = the_one(headers, &HOST).unwrap_or_default();
        let page = origin.split_once("://").map_or("", |(_, authority)| authority);
        if own.is_empty() || !without_port_80(page).eq_ignore_ascii_case(without_port_80(own)) {
            return Err(Refusal::ForeignOrigin(format!("Origin: {origin}")));
        }
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        check_fetch_site(headers)?;
    }
    Ok(())
}

/// Refuses what any browser sent: for calls that change something, or take their time, without a preflight.
pub(super) fn check_no_browser(head: &Parts) -> Result<(), Refusal> {
    check_fetch_site(&head.headers)?;
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if is_of_a_browser(name, &value) {
            return Err(Refusal::ForeignOrigin(format!("{name}: {value}")));
        }
    }
    Ok(())
}

/// Whether only browsers send this header with this value.
fn is_of_a_browser(name: &HeaderName, value: &str) -> bool {
    let marks = [&ORIGIN, &REFERER, &UPGRADE_INSECURE_REQUESTS, &PURPOSE];
    if marks.contains(&name) || (name.as_str().starts_with("sec-") && *name != FETCH_SITE) {
        true
    } else if *name == ACCEPT {
        let value = value.to_ascii_lowercase();
        value.contains("text/html") || value.contains("image/")
    } else {
        // The old controller's library says `Mozilla/5.0` and nothing more; a browser says what it is behind that.
        *name == USER_AGENT && value.starts_with("Mozilla/") && value.split_ascii_whitespace().nth(1).is_some()
    }
}

fn check_fetch_site(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(FETCH_SITE).map(|value| value.to_str().unwrap_or("unreadable")) {
        None | Some("none" | "same-origin") => Ok(()),
        Some(site) => Err(Refusal::ForeignOrigin(format!("{FETCH_SITE}: {site}"))),
    }
}

fn without_port_80(authority: &str) -> &str {
    authority.strip_suffix(":80").unwrap_or(authority)
}

/// The header's value where it stands there once and is text.
fn the_one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

#[cfg(test)]
mod tests;
