//! What can be written after `belayctl enrol` and `belayctl enrolment-token`.

use std::path::PathBuf;

use belay_protocol::{DeviceType, Distribution, Tag};
use clap::{Args, Subcommand, ValueEnum};

use super::expiry::Expiry;
use super::words::Words;

/// Make many devices known to the server.
#[derive(Debug, Subcommand)]
pub enum Enrol {
    /// Enrol the devices of a table over SSH, many at once
    Bulk(Box<Bulk>),
}

/// Enrol the devices of a table over SSH.
///
/// The table is a CSV file whose first line names its columns, in any case and order: `ip`, `address` or `host`; and where
/// it is wished `hostname` or `name`, `user`, `port`, `device_type`, `distribution`. A device's own columns come before
/// the options here.
#[derive(Debug, Clone, Args)]
pub struct Bulk {
    /// The table, such as devices.csv with the columns IP and Hostname
    #[arg(value_name = "CSV")]
    pub devices: PathBuf,
    /// Who to log in as; as ssh's own settings say otherwise
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Port of the SSH servers; as ssh's own settings say otherwise
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Secret key to log in with, beside those that ssh knows of
    #[arg(long, value_name = "KEYFILE")]
    pub identity: Option<PathBuf>,
    /// Another option for ssh, as in its settings: ProxyJump=gate; may be repeated
    #[arg(long = "ssh-option", value_name = "KEY=VALUE")]
    pub ssh_options: Vec<String>,
    /// Trust the key of an SSH server that was never met; one that changed is never trusted
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// What kind of devices these are; as their own settings say otherwise
    #[arg(long, value_name = "TYPE")]
    pub device_type: Option<DeviceType>,
    /// Their ring; as their own settings say otherwise
    #[arg(long, value_name = "RING")]
    pub distribution: Option<Distribution>,
    /// Tag that they get; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<Tag>,
    /// The server's address as the devices reach it; the one that is asked here otherwise
    #[arg(long, value_name = "URL")]
    pub device_server: Option<String>,
    /// File with an enrolment token, instead of one that is made for this run and revoked after it
    #[arg(long, value_name = "FILE", conflicts_with = "tags")]
    pub enrolment_token_file: Option<PathBuf>,
    /// Install this package on each device first, such as belay-agent's
    #[arg(long, value_name = "DEB")]
    pub install: Option<PathBuf>,
    /// Whether to ask for root's rights by sudo, which must need no password
    #[arg(long, value_enum, default_value_t = Sudo::Auto, value_name = "WHEN")]
    pub sudo: Sudo,
    /// How many devices at once
    #[arg(long, default_value_t = PARALLEL, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// Seconds that one device may take in all
    #[arg(long, default_value_t = TIMEOUT_S, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: u32,
    /// Where the devices that failed are listed, to be tried again; devices.retry.csv beside devices.csv otherwise
    #[arg(long, value_name = "CSV")]
    pub retry: Option<PathBuf>,
}

impl Bulk {
    /// The options as they were given, but for the table and where the list to try again is.
    pub(crate) fn options(&self) -> Vec<String> {
        let Self {
            devices: _,
            user,
            port,
            identity,
            ssh_options,
            accept_new_host_keys,
            device_type,
            distribution,
            tags,
            device_server,
            enrolment_token_file,
            install,
            sudo,
            parallel,
            timeout,
            retry: _,
        } = self;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let mut words = Words::default();
        words.option("--user", user.clone());
        words.option("--port", port.map(|port| port.to_string()));
        words.option("--identity", path(identity));
        words.option("--ssh-option", ssh_options.iter().cloned());
        words.flag("--accept-new-host-keys", *accept_new_host_keys);
        words.option("--device-type", device_type.as_ref().map(ToString::to_string));
        words.option("--distribution", distribution.as_ref().map(ToString::to_string));
        words.option("--tag", tags.iter().map(|tag| tag.as_str().to_owned()));
        words.option("--device-server", device_server.clone());
        words.option("--enrolment-token-file", path(enrolment_token_file));
        words.option("--install", path(install));
        words.option("--sudo", (*sudo == Sudo::Never).then(|| "never".to_owned()));
        words.option("--parallel", (*parallel != PARALLEL).then(|| parallel.to_string()));
        words.option("--timeout", (*timeout != TIMEOUT_S).then(|| timeout.to_string()));
        words.0
    }
}

/// Whether root's rights are asked for by sudo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Sudo {
    /// Where the user is not root
    #[default]
    Auto,
    /// Never: the user is in the group belay
    Never,
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
        /// When it ends.
        #[command(flatten)]
        expiry: Expiry,
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

/// How many devices at once, unless somebody says so.
const PARALLEL: u16 = 8;

/// Seconds that one device may take, unless somebody says so.
const TIMEOUT_S: u32 = 300;
