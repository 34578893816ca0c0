//! What can be written after `belayctl device`.

use belay_protocol::{DeviceType, Distribution, Tag};
use clap::{Args, Subcommand};

/// Look at devices, let them in, take them back.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// List devices
    List(DeviceFilter),
    /// Show a device and what it last reported
    Show {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
    },
    /// Show what a device reported, newest last
    Logs {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
        /// How many reports at most
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        lines: u32,
        /// Only reports about this deployment
        #[arg(long, value_name = "ID")]
        deployment: Option<String>,
        /// Go on with what it reports from now on
        #[arg(short, long)]
        follow: bool,
    },
    /// Let devices in that wait or were quarantined
    Approve {
        /// Their ids, unique beginnings or ends of them, or host names
        #[arg(required_unless_present = "all_pending", conflicts_with = "all_pending", value_name = "DEVICE")]
        devices: Vec<String>,
        /// All that wait to be let in
        #[arg(long)]
        all_pending: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Shut a device out; its key means nothing from now on
    Revoke {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
    },
    /// Replace a device's tags, or add and remove some
    Tag {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
        /// All its tags from now on
        #[arg(required_unless_present_any = ["add", "remove", "none"], conflicts_with_all = ["add", "remove", "none"])]
        tags: Vec<Tag>,
        /// Tag to add to the others; may be repeated
        #[arg(long, value_name = "TAG")]
        add: Vec<Tag>,
        /// Tag to take away; may be repeated
        #[arg(long, value_name = "TAG")]
        remove: Vec<Tag>,
        /// Take all tags away
        #[arg(long, conflicts_with_all = ["add", "remove"])]
        none: bool,
    },
    /// Move a device to another ring, or say that it is of another kind
    Move {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
        /// Its kind from now on
        #[arg(long, value_name = "TYPE", required_unless_present = "distribution")]
        device_type: Option<DeviceType>,
        /// Its ring from now on
        #[arg(long, value_name = "RING")]
        distribution: Option<Distribution>,
    },
    /// Take a device back to what it had before
    Rollback {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
        /// End as soon as the server has taken the order
        #[arg(long)]
        no_wait: bool,
    },
    /// Forget a device; what it reported stays
    Delete {
        /// Its id, a unique beginning or end of one, or its host name
        device: String,
    },
}

/// Which devices to list; all where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct DeviceFilter {
    /// Only of this kind
    #[arg(long, value_name = "TYPE")]
    pub device_type: Option<DeviceType>,
    /// Only of this ring
    #[arg(long, value_name = "RING")]
    pub distribution: Option<Distribution>,
    /// Only with this tag
    #[arg(long)]
    pub tag: Option<Tag>,
    /// Only in this state of the fleet: UP_TO_DATE, OUTDATED, IN_PROGRESS, FAILED or UNKNOWN
    #[arg(long, default_value = "", hide_default_value = true)]
    pub fleet_state: String,
    /// Only pending, authorized, quarantined or revoked ones
    #[arg(long, default_value = "", hide_default_value = true)]
    pub state: String,
    /// Only with this in the id, the host name or a tag
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub search: String,
}
