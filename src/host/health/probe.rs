//! One look at what a check watches.

use std::time::Duration;

use super::{foreign, network, systemd};
use crate::host::command::{Command, CommandError, Finished};
use crate::machine::rules::Probe;

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) passed: bool,
    /// What was seen, for people.
    pub(super) message: String,
}

impl Seen {
    pub(super) fn good(message: impl Into<String>) -> Self {
        Self { passed: true, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { passed: false, message: message.into() }
    }
}

/// Looks once, for at most `timeout`.
pub(super) fn look(probe: &Probe, timeout: Duration, on_device: bool) -> Seen {
    match probe {
        Probe::Unit(unit) => systemd::is_active(unit, timeout),
        Probe::InService(unit) => systemd::is_in_service(unit),
        Probe::Http { url, status } => network::http(url, *status, timeout),
        Probe::Tcp(address) => network::tcp(address, timeout),
        Probe::Command(words) => {
            let (program, args) = words.split_first().map_or(("", &words[..]), |(program, args)| (program, args));
            of_child(foreign(Command::new(program).args(args).timeout(timeout), on_device).run())
        }
    }
}

/// Good is exit code 0; the message is the last line that the child wrote.
pub(super) fn of_child(run: Result<Finished, CommandError>) -> Seen {
    let finished = match run {
        Ok(finished) => finished,
        Err(error) => return Seen::bad(error.to_string()),
    };
    let lines = finished.stdout.lines().chain(finished.stderr.lines());
    let said = lines.map(str::trim).rfind(|line| !line.is_empty());
    let said = said.map(|line| line.chars().take(LONGEST_MESSAGE).collect::<String>());
    match finished.code {
        Some(0) => Seen::good(said.unwrap_or_else(|| "exit code 0".to_owned())),
        Some(code) => Seen::bad(said.map_or_else(String::new, |said| said + " ") + &format!("(exit code {code})")),
        None => Seen::bad(said.map_or_else(String::new, |said| said + " ") + "(ended by a signal)"),
    }
}

/// Characters of a message; a journal line and a terminal show that much.
const LONGEST_MESSAGE: usize = 300;
