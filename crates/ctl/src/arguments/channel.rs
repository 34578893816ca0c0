//! What can be written after `belayctl channel`.

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
    },
    /// List channels
    List,
    /// Switch a channel off; devices keep what they have
    Off {
        /// The channel's number.
        id: i64,
    },
    /// Switch a channel on
    On {
        /// The channel's number.
        id: i64,
    },
}
