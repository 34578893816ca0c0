//! The local API's doors.

use std::net::SocketAddr;

use belay_settings::Problem;
use ipnet::IpNet;

use super::super::file;
use super::super::settings::Control;
use super::{absolute, socket};

pub(super) fn control(control: file::Control) -> Result<Control, Problem> {
    let listen: Vec<_> = control.listen.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
    let has_token = !control.token_file.as_os_str().is_empty();
    if let Some(open) = listen.iter().find(|address| !address.ip().is_loopback())
        && has_token
        && !control.plain_tokens
    {
        let message = format!(
            "{open} can be reached from other machines, and the token would cross the network for all to read; \
             listen on 127.0.0.1, or accept that by plain_tokens = true"
        );
        return Err(Problem::new(&["control", "listen"], message));
    }
    if control.group.is_empty() {
        return Err(Problem::new(&["control", "group"], "name the group whose members may use the socket"));
    }
    Ok(Control {
        socket: socket(&["control", "socket"], control.socket)?,
        group: control.group,
        listen,
        token_file: has_token.then(|| absolute(&["control", "token_file"], control.token_file)).transpose()?,
        legacy: control.legacy.iter().map(|text| network(text)).collect::<Result<_, _>>()?,
        names: names(control.names)?,
        plain_tokens: control.plain_tokens,
    })
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        let message = format!(
            "{text:?} is no address with a port from 0 to 65535; write it like \"127.0.0.1:5000\" or \"[::1]:5000\""
        );
        Problem::new(&["control", "listen"], message)
    })
}

fn network(text: &str) -> Result<IpNet, Problem> {
    text.parse().map_err(|_| {
        let message = format!(
            "{text:?} is no network; write it with the length of its prefix, like \"192.168.1.0/24\" or \
             \"127.0.0.1/32\""
        );
        Problem::new(&["control", "legacy"], message)
    })
}

fn names(names: Vec<String>) -> Result<Vec<String>, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match names.iter().find(|name| name.is_empty() || !name.bytes().all(fits)) {
        None => Ok(names),
        Some(wrong) => {
            let message = format!("{wrong:?} is no host name; write it without port and scheme, like \"device.local\"");
            Err(Problem::new(&["control", "names"], message))
        }
    }
}
