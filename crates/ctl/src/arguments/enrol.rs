//! What can be written after `belayctl enrol` and `belayctl enrolment-token`.

use std::path::PathBuf;

use clap::Subcommand;

/// Make many devices known to the server.
#[derive(Debug, Subcommand)]
pub enum Enrol {
    /// Enrol the devices of a table over SSH, many at once
    Bulk {
        /// The table
        devices: PathBuf,
    },
}

/// Work on the tokens that devices enrol with.
#[derive(Debug, Subcommand)]
pub enum EnrolmentToken {
    /// List them
    List,
}
