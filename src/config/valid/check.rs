//! The configured health checks.

use belay_settings::Problem;
use hyper::Uri;

use super::super::file::Check;
use super::{seconds, some_seconds};
use crate::machine::rules::{CheckSpec, Probe};

pub(in crate::config) fn checks(checks: Vec<Check>) -> Result<Vec<CheckSpec>, Problem> {
    let mut specs: Vec<CheckSpec> = Vec::new();
    for check in checks {
        if check.name.trim().is_empty() {
            return Err(Problem::new(&["health", "check"], "a check has an empty name; results go by names"));
        }
        if specs.iter().any(|other| other.name == check.name) {
            let message = "two checks have this name; results go by names";
            return Err(Problem::new(&["health", "check", &check.name], message));
        }
        specs.push(spec(check)?);
    }
    Ok(specs)
}

fn spec(check: Check) -> Result<CheckSpec, Problem> {
    let probe = probe(&check)?;
    let key = |setting| ["health", "check", &check.name, setting];
    Ok(CheckSpec {
        probe,
        required: check.required,
        grace: seconds(&key("grace_s"), check.grace_s)?,
        interval: some_seconds(&key("interval_s"), check.interval_s)?,
        retries: check.retries,
        timeout: some_seconds(&key("timeout_s"), check.timeout_s)?,
        settle: seconds(&key("settle_s"), check.settle_s)?,
        name: check.name,
    })
}

fn probe(check: &Check) -> Result<Probe, Problem> {
    let wrong = |setting: &str, message: String| Problem::new(&["health", "check", &check.name, setting], message);
    let probe = match (&check.unit, &check.http, &check.tcp, &check.command) {
        (Some(unit), None, None, None) if is_unit(unit) => Probe::Unit(unit.clone()),
        (Some(unit), None, None, None) => {
            return Err(wrong("unit", format!("{unit:?} is no unit; write it like \"demo.service\"")));
        }
        (None, Some(url), None, None) => http(url, check.status).map_err(|message| wrong("http", message))?,
        (None, None, Some(address), None) if is_host_and_port(address) => Probe::Tcp(address.clone()),
        (None, None, Some(address), None) => {
            let message =
                format!("{address:?} is no host with a port from 1 to 65535; write it like \"localhost:5432\"");
            return Err(wrong("tcp", message));
        }
        (None, None, None, Some(command)) if command.first().is_some_and(|program| !program.is_empty()) => {
            Probe::Command(command.clone())
        }
        (None, None, None, Some(_)) => {
            return Err(wrong("command", "it is empty; write program and arguments, like [\"/bin/true\"]".to_owned()));
        }
        _ => {
            let message = "write exactly one of unit, http, tcp and command";
            return Err(Problem::new(&["health", "check", &check.name], message));
        }
    };
    if check.status.is_some() && check.http.is_none() {
        return Err(wrong("status", "only an http check has a status".to_owned()));
    }
    Ok(probe)
}

fn http(url: &str, status: Option<u16>) -> Result<Probe, String> {
    let status = status.unwrap_or(200);
    if !(100..600).contains(&status) {
        return Err(format!("{status} is no HTTP status; it lies between 100 and 599"));
    }
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(Probe::Http { url: url.to_owned(), status }),
        (Some("https"), _) => {
            Err("https:// cannot be checked yet; ask the service over http:// on loopback, or use a command".to_owned())
        }
        _ => Err(format!("{url:?} is no URL of a host; write it like \"http://localhost:8080/health\"")),
    }
}

/// Whether a text can be the name of a unit.
pub(crate) fn is_unit(unit: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    !unit.is_empty() && !unit.starts_with('-') && unit.bytes().all(fits)
}

fn is_host_and_port(address: &str) -> bool {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    address.rsplit_once(':').is_some_and(|(host, number)| !host.is_empty() && port(number))
}
