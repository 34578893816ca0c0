//! How the process ends. Scripts rely on these numbers; docs/cli.md and `--help` list them.

use std::process::ExitCode;

use belay_protocol::Reason;
use belay_protocol::job::{Job, JobState};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// Wrong usage, or a failure that is none of those below.
    Failed = 1,
    /// Refused; nothing was changed.
    Refused = 2,
    /// The update failed and was undone; the device is as before.
    Undone = 3,
    /// A person must look at the device.
    NeedsAttention = 4,
    /// The agent does not answer.
    Unreachable = 5,
    /// Verification found something wrong.
    Findings = 6,
    /// For systemd alone: an update put another program in the host's place, which is to be started.
    Replaced = 75,
}

/// The exit codes for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done as asked
  1  wrong usage, or another failure
  2  refused; nothing was changed
  3  failed and undone; the device is as before
  4  a person must look at the device
  5  the agent does not answer
  6  verification found something wrong";

impl Exit {
    /// For a job that ended, by whether a rollback was asked for.
    pub(super) fn of(job: &Job, rollback: bool) -> Self {
        let fulfilled = if rollback { job.has_gone_back() } else { job.has_updated() };
        match job.state {
            _ if fulfilled => Self::Done,
            JobState::Refused if job.reason == Some(Reason::DryRun) => Self::Done,
            JobState::Refused => Self::Refused,
            JobState::RolledBack => Self::Undone,
            JobState::NeedsAttention => Self::NeedsAttention,
            JobState::Accepted
            | JobState::Planning
            | JobState::Fetching
            | JobState::Capturing
            | JobState::Applying
            | JobState::Rebooting
            | JobState::Verifying
            | JobState::RollingBack
            | JobState::Committed => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{job, rollback, update};

    #[test]
    fn each_end_has_its_code() {
        let with = |reason, job: Job| Job { reason: Some(reason), ..job };
        for (job, asked_rollback, exit) in [
            (job(update(), JobState::Committed), false, Exit::Done),
            (with(Reason::DryRun, job(update(), JobState::Refused)), false, Exit::Done),
            (with(Reason::NoSpace, job(update(), JobState::Refused)), false, Exit::Refused),
            (with(Reason::Unhealthy, job(update(), JobState::RolledBack)), false, Exit::Undone),
            (with(Reason::UndoFailed, job(update(), JobState::NeedsAttention)), false, Exit::NeedsAttention),
            (job(rollback(), JobState::RolledBack), true, Exit::Done),
            (job(rollback(), JobState::Committed), true, Exit::Done),
            (with(Reason::Drift, job(rollback(), JobState::Refused)), true, Exit::Refused),
            (with(Reason::Cancelled, job(update(), JobState::Refused)), true, Exit::Done),
            (with(Reason::Cancelled, job(update(), JobState::Refused)), false, Exit::Refused),
            (job(update(), JobState::Committed), true, Exit::Failed),
        ] {
            assert_eq!(Exit::of(&job, asked_rollback), exit, "{job:?}");
        }
    }

    #[test]
    fn the_help_lists_every_code() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::Refused,
            Exit::Undone,
            Exit::NeedsAttention,
            Exit::Unreachable,
            Exit::Findings,
        ] {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
