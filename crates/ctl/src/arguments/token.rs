//! What can be written after `belayctl token`.

use belay_protocol::admin::Permission;
use clap::Subcommand;

use super::expiry::Expiry;

/// Work on the tokens that operators and pipelines ask with.
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
        /// When it ends.
        #[command(flatten)]
        expiry: Expiry,
    },
    /// List the tokens
    List,
    /// Revoke a token, at once
    Revoke {
        /// Its number, as `token list` shows it
        id: String,
    },
}
