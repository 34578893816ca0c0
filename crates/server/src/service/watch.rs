//! What whoever watches the server asks: whether it can work, and its figures.

use super::{Service, ServiceError};
use crate::store::figures::Figures;

impl Service {
    /// Whether requests can be answered: the database answers.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        Ok(self.store.answers().await?)
    }

    /// How full the database is. It counts rows, so it is not for every request.
    pub async fn figures(&self) -> Result<Figures, ServiceError> {
        Ok(self.store.figures().await?)
    }

    /// How many transactions wrote since this process began, and how many were begun again.
    pub fn transactions(&self) -> (u64, u64) {
        (self.store.writes(), self.store.retries())
    }
}
