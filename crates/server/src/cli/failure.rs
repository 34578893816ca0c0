//! Why a command did not do what was asked.

use super::exit::Exit;
use super::output;
use crate::config::ConfigError;
use crate::service::ServiceError;
use crate::store::StoreError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service refused, or failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The server could not start, or ended.
    #[error(transparent)]
    Server(#[from] crate::run::RunError),
    /// Something this process needs is not to be had.
    #[error("failed to {doing}: {source}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Failure {
    /// Shows it, and says how the process ends.
    pub fn show(&self, json: bool) -> Exit {
        let (code, field, exit) = match self {
            Self::Settings(_) => ("settings", None, Exit::Failed),
            Self::Store(error) => (error.code(), None, Exit::of_store(error)),
            Self::Service(error) => (error.code, error.field, Exit::of_service(error)),
            Self::Server(crate::run::RunError::Store(error)) => (error.code(), None, Exit::of_store(error)),
            Self::Server(crate::run::RunError::Listen { .. } | crate::run::RunError::Serve(_)) => {
                ("listen", None, Exit::Failed)
            }
            Self::Server(crate::run::RunError::Ended(_)) => ("ended", None, Exit::Failed),
            Self::Server(crate::run::RunError::Secret { .. } | crate::run::RunError::Artifacts(_)) => {
                ("artifacts", None, Exit::Failed)
            }
            Self::System { .. } => ("system", None, Exit::Failed),
        };
        output::refused(code, output::chain(self), field, json);
        exit
    }
}
