//! What can be written after `belayctl device`.

use belay_protocol::{DeviceId, Tag};
use clap::Subcommand;

/// Look at devices, let them in, take them back.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// List devices
    List {
        /// Only in this state of the fleet, such as OUTDATED
        #[arg(long, default_value = "")]
        fleet_state: String,
        /// Only pending, authorized, quarantined or revoked ones
        #[arg(long, default_value = "")]
        state: String,
        /// Part of a name, host name or tag
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show a device and what it last reported
    Show {
        /// The device.
        id: DeviceId,
    },
    /// Let a device in that waits or was quarantined
    Approve {
        /// The device.
        id: DeviceId,
    },
    /// Shut a device out; its key means nothing from now on
    Revoke {
        /// The device.
        id: DeviceId,
    },
    /// Replace a device's tags
    Tag {
        /// The device.
        id: DeviceId,
        /// All its tags from now on
        tags: Vec<Tag>,
    },
    /// Take a device back to what it had before
    Rollback {
        /// The device.
        id: DeviceId,
    },
}
