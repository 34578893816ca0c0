//! How the process ends. Scripts rely on these numbers; docs/belayctl.md and `--help` list them.

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
    /// It ended, and not well: a device does not have what it should.
    NotDeployed = 3,
    /// A person must look: a deployment stopped itself or waits, or a device needs attention.
    NeedsAttention = 4,
    /// The server does not answer, or no device does.
    Unreachable = 5,
}

/// The exit codes for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done as asked
  1  wrong usage, or another failure
  2  refused; nothing was changed
  3  ended, and not well: some device does not have what it should
  4  a person must look: a deployment halted or waits, a device needs attention
  5  the server does not answer, or no device does";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
