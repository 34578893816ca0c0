//! The server that this device polls.

use std::path::PathBuf;

use belay_protocol::NameError;
use belay_settings::Problem;
use hyper::Uri;

use super::super::file;
use super::super::settings::{Proxy, ServerSettings};
use super::{absolute, seconds};
use crate::remote::url::ServerUrl;

pub(super) fn server(server: file::Server) -> Result<ServerSettings, Problem> {
    let url = url(&server)?;
    let named = |key: &str, error: NameError| Problem::new(&["server", key], error.to_string());
    let file = |key, path: PathBuf| {
        let set = !path.as_os_str().is_empty();
        set.then(|| absolute(&["server", key], path)).transpose()
    };
    let poll = seconds(&["server", "poll_s"], server.poll_s)?;
    if poll.as_secs() < 1 {
        return Err(Problem::new(&["server", "poll_s"], format!("{} s is too short; at least 1 s", server.poll_s)));
    }
    Ok(ServerSettings {
        url,
        token_file: file("token_file", server.token_file)?,
        device_type: server.device_type.parse().map_err(|error| named("device_type", error))?,
        distribution: server.distribution.parse().map_err(|error| named("distribution", error))?,
        ca_file: file("ca_file", server.ca_file)?,
        proxy: proxy(server.proxy)?,
        plain_http: server.plain_http,
        poll,
    })
}

fn url(server: &file::Server) -> Result<Option<ServerUrl>, Problem> {
    if server.url.is_empty() {
        return Ok(None);
    }
    let wrong = |message: String| Problem::new(&["server", "url"], message);
    let url: ServerUrl = server.url.parse().map_err(|error| wrong(format!("{error}")))?;
    url.check_plain(server.plain_http).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(url))
}

fn proxy(proxy: String) -> Result<Proxy, Problem> {
    match proxy.as_str() {
        "" => Ok(Proxy::Environment),
        "direct" => Ok(Proxy::Direct),
        text => match text.parse::<Uri>() {
            Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => Ok(Proxy::Through(proxy)),
            Ok(_) | Err(_) => {
                let message = "it is no proxy; write \"http://host:port\", or \"direct\" for none";
                Err(Problem::new(&["server", "proxy"], message))
            }
        },
    }
}
