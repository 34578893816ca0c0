//! How the process ends. Scripts rely on these numbers; `--help` lists them.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// Wrong usage, or a failure that is none of those below.
    Failed = 1,
    /// The server refused; nothing was changed.
    Refused = 2,
    /// The deployment ended, and not well.
    NotDeployed = 3,
    /// The deployment stopped itself or waits for a person.
    NeedsAttention = 4,
    /// The server does not answer.
    Unreachable = 5,
}

/// The exit codes for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done as asked
  1  wrong usage, or another failure
  2  refused by the server; nothing was changed
  3  the deployment ended, and not well
  4  the deployment stopped itself, or waits for a person
  5  the server does not answer";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
