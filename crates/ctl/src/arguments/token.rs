//! What can be written after `belayctl token`.

use clap::Subcommand;

/// Work on the tokens that operators and pipelines ask with.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// List them
    List,
}
