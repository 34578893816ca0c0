//! Where the server can be reached, and by what name.

use std::net::SocketAddr;

use belay_settings::Problem;
use hyper::Uri;

use super::super::file;
use super::super::settings::Tls;
use super::pair;
use crate::serve::open_doors;

pub(super) fn tls(tls: file::Tls) -> Result<Option<Tls>, Problem> {
    let files = pair([&["tls", "certificate"], &["tls", "key"]], [tls.certificate, tls.key])?;
    Ok(files.map(|[certificate, key]| Tls { certificate, key }))
}

pub(super) fn listen(texts: &[String], tls: bool, plain_http: bool) -> Result<Vec<SocketAddr>, Problem> {
    let wrong = |message| Problem::new(&["listen"], message);
    if texts.is_empty() {
        return Err(wrong("name at least one address, like \"127.0.0.1:8080\"".to_owned()));
    }
    let mut addresses = Vec::new();
    for text in texts {
        let address: SocketAddr = text.parse().map_err(|_| {
            wrong(format!(
                "{text:?} is no address with a port from 0 to 65535; write it like \"127.0.0.1:8080\" or \"[::1]:8080\""
            ))
        })?;
        addresses.push(address);
    }
    open_doors(&addresses, tls, plain_http).map_err(wrong)?;
    Ok(addresses)
}

/// A URL of a host, without a slash at its end.
pub(super) fn url(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let good = uri.is_some_and(|uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        scheme && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none() && !text.contains('@')
    });
    if good {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(format!("{text:?} is no URL of a host; write it like \"https://updates.example.com\""))
    }
}
