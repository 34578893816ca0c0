//! What can be written after `belayctl lan`.

use clap::Subcommand;

/// Find and update the devices of this network.
#[derive(Debug, Subcommand)]
pub enum Lan {
    /// Find the devices of this network
    Scan,
    /// The same in a full-screen interface
    Ui,
}
