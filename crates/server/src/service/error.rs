//! Why something that was asked for is not done.

use crate::store::StoreError;

/// A refusal, or a failure of the server itself.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// What kind of refusal: a door makes its status of it.
    pub kind: Kind,
    /// The stable code.
    pub code: &'static str,
    /// The sentence that says what to do. For [`Kind::Internal`] it stays in the log.
    pub message: String,
    /// The field of the request at fault.
    pub field: Option<&'static str>,
}

/// What kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be read: 400.
    BadRequest,
    /// Nobody known asks: 401.
    Unauthorized,
    /// Somebody asks who may not: 403.
    Forbidden,
    /// It is not there: 404.
    NotFound,
    /// Something else is there, or it is not in a state for this: 409.
    Conflict,
    /// It is more than is taken: 413.
    TooLarge,
    /// It can be read and makes no sense: 422.
    Unprocessable,
    /// Too much at once: 429.
    TooMany,
    /// The database does not answer: 503. Nothing was taken.
    Unavailable,
    /// The server failed: 500.
    Internal,
}

impl ServiceError {
    /// Puts a refusal together.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), field: None }
    }

    /// The same, naming the field at fault.
    pub fn of_field(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(Kind::Unprocessable, code, message) }
    }

    /// It is not there.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("there is no {what} {name}"))
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        if error.is_outage() {
            tracing::debug!(%error, "a request had to be sent away");
            let message = "the database does not answer at present; send it again in a few seconds";
            return Self::new(Kind::Unavailable, "store_unavailable", message);
        }
        match error {
            StoreError::Stale => Self::new(
                Kind::Conflict,
                "changed_meanwhile",
                "somebody else changed it in the meantime; look at it again and repeat",
            ),
            StoreError::Database(_)
            | StoreError::Row { .. }
            | StoreError::Newer { .. }
            | StoreError::Schema(_)
            | StoreError::Refused(_)
            | StoreError::File { .. } => Self::new(Kind::Internal, "store", error.to_string()),
        }
    }
}
