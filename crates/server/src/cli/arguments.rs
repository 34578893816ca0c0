//! What can be written after `belay-server`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use belay_protocol::admin::Permission;
use belay_protocol::{DeviceType, Distribution, Tag};
use clap::{Parser, Subcommand};

use super::exit::{self, Exit};
use crate::config::Overrides;

/// Coordinates a fleet of devices: releases, channels, and rollouts that stop themselves.
#[derive(Debug, Parser)]
#[command(name = "belay-server", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// Settings to read instead of /etc/belay/server.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the state, instead of the one in the settings
    #[arg(long, global = true, value_name = "FOLDER")]
    pub state_dir: Option<String>,
    /// Answer in JSON and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Be the server, until stopped
    Serve {
        /// Address to listen on, instead of those in the settings; may be repeated
        #[arg(long, value_name = "ADDRESS")]
        listen: Vec<String>,
    },
    /// Do one thing and end.
    #[command(flatten)]
    Once(Once),
}

/// One thing that is done without being the server.
#[derive(Debug, Subcommand)]
pub enum Once {
    /// Work on operators' tokens; no server needs to run
    #[command(subcommand)]
    Token(Token),
    /// Work on the tokens that devices enrol with; no server needs to run
    #[command(subcommand)]
    EnrolmentToken(EnrolmentToken),
    /// Copy the embedded database, also while a server runs
    Backup {
        /// The copy, a file that is not there yet
        file: PathBuf,
    },
    /// Say whether the settings are valid, whether the database answers, and what is open
    Check,
}

/// Work on operators' tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; its text is shown this once
    Create {
        /// Who or what will use it; stands in the audit log
        #[arg(long)]
        name: String,
        /// What it allows, such as admin:full or fleet:view; may be repeated
        #[arg(long = "permission", required = true, value_name = "PERMISSION")]
        permissions: Vec<Permission>,
        /// When it ends, such as 12h or 90d; never otherwise
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expires_in: Option<Duration>,
    },
    /// List the tokens
    List,
    /// Revoke a token, at once
    Revoke {
        /// Its number, as `token list` shows it
        id: String,
    },
}

/// Work on the tokens that devices enrol with.
#[derive(Debug, Subcommand)]
pub enum EnrolmentToken {
    /// Make a token; its text is shown this once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// How many devices may enrol with it; any number otherwise
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// When it ends, such as 12h or 90d; never otherwise
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expires_in: Option<Duration>,
        /// Only devices of this type may use it
        #[arg(long, value_name = "TYPE")]
        device_type: Option<DeviceType>,
        /// Devices that use it join this ring, whatever they say
        #[arg(long, value_name = "RING")]
        distribution: Option<Distribution>,
        /// Tag that such devices get; may be repeated
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<Tag>,
    },
    /// List the tokens
    List,
    /// Revoke a token; devices that used it stay
    Revoke {
        /// Its number, as `enrolment-token list` shows it
        id: String,
    },
}

impl Arguments {
    /// Reads the command line of this process. Where there is nothing to do but show help, or a mistake, that is
    /// written and the process's exit code returned.
    pub fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            let shown = error.print();
            let usage = error.use_stderr() || shown.is_err();
            if usage { Exit::Failed.into() } else { Exit::Done.into() }
        })
    }

    /// The settings among them.
    pub fn overrides(&self) -> Overrides {
        let listen = match &self.command {
            Command::Serve { listen } if !listen.is_empty() => Some(listen.join(",")),
            Command::Serve { .. } | Command::Once(_) => None,
        };
        Overrides { state_dir: self.state_dir.clone(), listen, ..Overrides::default() }
    }
}

/// A number with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", DAY), ("w", 7 * DAY)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|seconds| (1..=LONGEST).contains(seconds))
    });
    let seconds = seconds.ok_or("write a number and s, m, h, d or w, like 12h or 90d, at most 3650d")?;
    Ok(Duration::from_secs(seconds))
}

const DAY: u64 = 24 * 60 * 60;

const LONGEST: u64 = 3650 * DAY;

#[cfg(test)]
mod tests;
