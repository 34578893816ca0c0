//! What can be written after `belayctl channel`.

use std::str::FromStr;

use belay_protocol::{DeviceType, Distribution};
use clap::Subcommand;

use super::ReleaseArguments;

/// Say what devices should run from now on.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Set what the devices of a type and ring should run
    Set {
        /// The release that they should run.
        #[command(flatten)]
        release: ReleaseArguments,
        /// The channel's name, where a ring has several
        #[arg(long, value_name = "NAME", default_value = DEFAULT)]
        name: String,
    },
    /// List channels
    List {
        /// Only of this kind of devices
        #[arg(long, value_name = "TYPE", default_value = "", hide_default_value = true)]
        device_type: String,
        /// Only of this ring
        #[arg(long, value_name = "RING", default_value = "", hide_default_value = true)]
        distribution: String,
    },
    /// Show a channel
    Show {
        /// Its number, or TYPE/RING
        channel: ChannelName,
    },
    /// Switch a channel off; devices keep what they have
    Off {
        /// Its number, or TYPE/RING
        channel: ChannelName,
    },
    /// Switch a channel on
    On {
        /// Its number, or TYPE/RING
        channel: ChannelName,
    },
    /// Delete a channel; devices keep what they have
    Delete {
        /// Its number, or TYPE/RING
        channel: ChannelName,
    },
}

/// A channel as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelName {
    /// By its number.
    Number(i64),
    /// By the devices that it rules, and its own name where that is another than `default`.
    Ring(DeviceType, Distribution, String),
}

impl FromStr for ChannelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let parts: Vec<&str> = text.splitn(3, '/').collect();
        let (device_type, ring, name) = match parts.as_slice() {
            [device_type, ring] => (device_type, ring, DEFAULT),
            [device_type, ring, name] => (device_type, ring, *name),
            _ => return Err("write its number, or TYPE/RING as `channel list` shows it".to_owned()),
        };
        let said = |error: belay_protocol::NameError| error.to_string();
        Ok(Self::Ring(device_type.parse().map_err(said)?, ring.parse().map_err(said)?, name.to_owned()))
    }
}

/// The name of a channel that was given none.
const DEFAULT: &str = "default";
