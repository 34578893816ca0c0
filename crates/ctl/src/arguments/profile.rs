//! What can be written after `belayctl login` and `belayctl profile`.

use clap::{Args, Subcommand};

/// Keep a server and a token under a name.
#[derive(Debug, Clone, Args)]
pub struct Login {
    /// What to call it; the server's host name where it is not given
    pub name: Option<String>,
}

/// Work on the servers that are known here.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// List them, the one in use marked
    List,
    /// Use another one from now on
    Use {
        /// Its name.
        name: String,
    },
    /// Forget one, and its token
    Delete {
        /// Its name.
        name: String,
    },
}
