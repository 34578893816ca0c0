//! How the process ends. Scripts rely on these numbers; `--help` lists them. They are belay-agent's, where both have one.

use std::process::ExitCode;

use crate::service::{Kind, ServiceError};
use crate::store::StoreError;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// Wrong usage or settings, or a failure that is none of those below.
    Failed = 1,
    /// Refused; nothing was changed.
    Refused = 2,
    /// The database does not answer.
    Unreachable = 5,
}

/// The exit codes for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done as asked
  1  wrong usage or settings, or another failure
  2  refused; nothing was changed
  5  the database does not answer";

impl Exit {
    /// For a failure of the store.
    pub(super) fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Database(
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed,
            ) => Self::Unreachable,
            StoreError::Refused(_) | StoreError::Newer { .. } => Self::Refused,
            StoreError::Database(_)
            | StoreError::Row { .. }
            | StoreError::Stale
            | StoreError::Schema(_)
            | StoreError::File { .. } => Self::Failed,
        }
    }

    /// For a refusal of the service.
    pub(super) fn of_service(error: &ServiceError) -> Self {
        match error.kind {
            Kind::Internal => Self::Failed,
            Kind::Unavailable => Self::Unreachable,
            Kind::BadRequest
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::Unprocessable
            | Kind::TooMany => Self::Refused,
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

    #[test]
    fn each_failure_has_its_code() {
        let gone = sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        assert_eq!(Exit::of_store(&StoreError::Database(gone)), Exit::Unreachable);
        assert_eq!(Exit::of_store(&StoreError::Database(sqlx::Error::RowNotFound)), Exit::Failed);
        assert_eq!(Exit::of_store(&StoreError::Refused(String::new())), Exit::Refused);
        assert_eq!(Exit::of_store(&StoreError::Newer { found: 2, known: 1 }), Exit::Refused);
        assert_eq!(Exit::of_service(&ServiceError::not_found("token", "t")), Exit::Refused);
        assert_eq!(Exit::of_service(&ServiceError::new(Kind::Internal, "store", "")), Exit::Failed);
    }

    #[test]
    fn the_help_lists_every_code() {
        for exit in [Exit::Done, Exit::Failed, Exit::Refused, Exit::Unreachable] {
            assert!(HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
